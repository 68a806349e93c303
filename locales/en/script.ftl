# What the scripts say, sent with every page; static/js/lib/l10n.js asks by the part after `script-`,
# with `_` for `-`. One selector over $n at most.
# Time
script-today = Today
script-yesterday = Yesterday
script-jump-to-date = Jump to a date
script-date = Date
script-jump = Jump
script-not-found-now = That could not be looked up now. Try again.
script-new-messages = { $n ->
    [one] { $n } new message
   *[other] { $n } new messages
}
script-newer-messages = { $n ->
    [one] { $n } newer message
   *[other] { $n } newer messages
}
script-back-to-latest = Back to latest

# My messages
script-pending = Waiting to be sent
script-sent = Sent
script-delivered = Delivered to { $k } of { $n }
script-delivered-one = Delivered
script-seen-one = Read
script-seen = Seen by { $k } of { $n }
script-read-by = Read by
script-read-by-nobody = Nobody else has read it yet.
script-delivered-to = On a device of
script-seen-all = Read by everyone
script-not-sent = Not sent.
script-retry = Retry
script-edit = Edit
script-discard = Discard

# The line
script-offline = You are offline.
script-offline-more = Keep writing: messages wait here and are sent in order when the line is back.
script-try-now = Try now
script-signed-out = You were signed out on this device.
script-signed-out-more = What you wrote is kept.
script-sign-in = Sign in
script-stopped = The connection was closed.
script-stopped-more = Reload the page to go on. What you wrote is kept.
script-reload = Reload
script-removed = You are no longer in this room.
script-removed-more = Messages that you wrote before stay with the others.
script-to-rooms = Back to rooms

# People and replies
script-typing-one = { $a } is typing
script-typing-two = { $a } and { $b } are typing
script-typing-many = Several people are typing
script-someone = Someone
script-reply-to = Replying to { $name }
script-editing = Editing your message
script-cancel = Cancel
script-save = Save

# Who is there: said after a name, a number of members
script-is-online = , online
script-is-away = , away
script-is-dnd = , do not disturb
script-is-offline = , offline
script-online = , { $n } online
script-members = { $n ->
    [one] { $n } member
   *[other] { $n } members
}

# Things to do
script-close = Close
script-react = Choose a reaction (R)
script-react-with = React with { $emoji }
script-reply = Reply (Q)
script-edit-key = Edit (E)
script-delete-key = Delete (Del)
script-mark-unread = Mark as unread (U)
script-marked-unread = Marked as unread
script-copy-link = Copy link (L)
script-actions = Message actions

# Questions
script-delete-title = Delete this message?
script-delete-text = It disappears for everyone. A note stays in its place so that replies still make sense.
script-delete-yes = Delete message
script-delete-no = Keep it
script-code-copied = Code copied
script-link-copied = Link copied
script-not-saved = Not saved. { $why }
script-pending-title = Messages are not sent yet
script-pending-text = { $n ->
    [one] { $n } message waits here to be sent. Signing out erases it.
   *[other] { $n } messages wait here to be sent. Signing out erases them.
}
script-pending-yes = Sign out and erase
script-pending-no = Stay signed in

# Shortcuts
script-shortcuts = Keyboard shortcuts
script-sc-switch = Find a room or person
script-key-switch = Ctrl K
script-sc-help = This list
script-key-help = ?
script-sc-send = Send the message
script-key-send = Enter
script-sc-line = New line
script-key-line = Shift Enter
script-sc-last = Edit your last message
script-key-last = ↑
script-sc-format = Bold, italic, code
script-key-format = Ctrl B, I, K
script-sc-walk = Walk through messages
script-key-walk = ↑ ↓
script-sc-react = React to the message in focus
script-key-react = R, +
script-sc-reply = Reply to it
script-key-reply = Q
script-sc-edit = Edit it
script-key-edit = E
script-sc-delete = Delete it
script-key-delete = Del
script-sc-unread = Mark as unread from it
script-key-unread = U
script-sc-read = Mark the room as read, go to its end
script-key-read = Shift Esc
script-sc-seen = Who has read it
script-key-seen = I
script-sc-date = Jump to a date
script-key-date = D
script-sc-link = Copy its link
script-key-link = L
script-sc-cancel = Cancel, close
script-key-cancel = Esc

# Lists and counts
script-jump-to = Jump to
script-jump-label = Find a room or person
script-results = Results
script-no-results = Nothing by that name
script-people = People
script-emoji = Emoji
script-draft = draft
script-back = Back to rooms
script-back-unread = { $n ->
    [one] Back to rooms, { $n } unread room
   *[other] Back to rooms, { $n } unread rooms
}
script-unread-rooms = { $n ->
    [one] { $n } unread room
   *[other] { $n } unread rooms
}
script-unread = { $n } unread
script-mentions = { $n ->
    [one] { $n } mention
   *[other] { $n } mentions
}
script-including-you = { $emoji } { $n }, including you
script-reaction = { $emoji } { $n }
script-new-from = { $name }: { $text }

# Why the server refused
script-why-denied = You may not write here.
script-why-not-found = This room or message is not there any more.
script-why-conflict = The message was deleted meanwhile.
script-why-too-large = The message is too long.
script-why-bad-request = The room did not accept it.
script-why-unsure = It is not known whether an earlier try arrived.
script-why-other = The room did not accept it.
