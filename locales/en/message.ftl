# Messages and lines between them.
edited = edited
deleted = This message was deleted.
somebody = somebody
code = Code
copy-code = Copy code
table = Table
members-count = { $n ->
    [one] { $n } member
   *[other] { $n } members
}
system-created = { $user } created this room
system-joined = { $user } joined
system-added = { $user } joined, added by { $who }
system-left = { $user } left
system-removed = { $user } was removed by { $who }
system-owner = { $who } made { $user } an owner
system-admin = { $who } made { $user } an admin
system-member = { $who } made { $user } a member
system-renamed = { $who } named this room { $name }
system-renamed-hidden = { $who } changed the name
system-topic = { $who } set the topic: { $topic }
system-topic-cleared = { $who } cleared the topic
