# Doors: sign in, sign up, invite.
home-link = { $name }, home
good-to-see-you = Good to see you
sign-in = Sign in
sign-in-to = Sign in to { $name }.
sign-out = Sign out
email = E-mail
password = Password
show-password = Show password
wrong-password = That e-mail and password do not match. Try again.
no-account = No account yet? Ask a colleague for an invite link.
no-account-open = No account yet?
create-account = Create your account
create-first = Set up { $name }
create-first-hint = You are the first one here, so this workspace will be yours.
have-account = I have an account
your-name = Your name
your-name-hint = As colleagues know you, in any script.
handle = Handle
handle-hint = For mentions: small letters, digits, dot, dash. Leave it empty and we choose one.
new-password-hint = At least 10 characters. Longer is stronger; four plain words are fine.
join-and-open = Join
create-workspace = Create the workspace
own-server = Messages stay on your company’s own server. Nothing is shared with anyone else.
join-workspace = Join { $name }
invited-you = { $who } invited you
invite-rooms = { $n ->
    [one] You will land in { $n } room
   *[other] You will land in { $n } rooms
}
invite-until = This invite works until { $when }
invite-gone = This invite does not work any more
invite-gone-more = It was used up, has run out, or was turned off. Ask whoever sent it for a new one.
sign-up-closed = New people need an invite
sign-up-closed-more = Ask a colleague for an invite link, then open it here.

# Around every page
skip-writing = Skip to writing
skip-content = Skip to content
workspace-nav = Workspace
rooms-of = Rooms of { $name }
workspace-menu = Menu of { $name }
new-message = New message
find-or-jump = Find or jump to…
rooms = Rooms
unread-section = Unread
channels = Channels
groups = Groups
direct-messages = Direct messages
new-channel = Create or browse channels
new-group = Create a room
new-direct = New direct message
no-rooms = No rooms yet
unread-count = { $n } unread
mention-count = { $n ->
    [one] { $n } mention
   *[other] { $n } mentions
}
draft = draft
sections = Sections
people = People
browse = Browse
you = You
settings = Settings
invite-people = Invite people
create-room = Create a room
browse-channels = Browse channels
back-to-rooms = Back to rooms
back-to-rooms-unread = { $n ->
    [one] Back to rooms, { $n } unread room
   *[other] Back to rooms, { $n } unread rooms
}
unread-rooms = { $n ->
    [one] { $n } unread room
   *[other] { $n } unread rooms
}
show-hide-rooms = Show or hide rooms
close = Close
cancel = Cancel
save = Save
saved = Saved
request-note = Error { $name }

# A room
details = Details
room-details = Room details
close-details = Close details
members-of = { $n ->
    [one] { $n } member
   *[other] { $n } members
}
messages-in = Messages in { $name }
older = Older messages
newer = Newer messages
message-room = Message { $name }
formatting = Formatting and sending
insert-emoji = Insert emoji
mention-someone = Mention someone
bold = Bold (Ctrl B)
italic = Italic (Ctrl I)
strike = Strike
link = Link
code-mark = Code
quote = Quote
list = List
send = Send
send-key = Send (Enter)
enter-sends = to send,
enter-breaks = for a new line
back-to-latest = Back to latest
mark-read = Mark as read
mark-unread = Mark as unread from here
seen-by = Read by
seen-by-nobody = Nobody else has read it yet.
start-of = This is the start of { $name }
start-of-direct = This is the start of your conversation with { $name }
start-channel-more = Everyone in the workspace can find this room, and whoever joins later can read from here on.
start-group-more = Only its members see this room. Whoever is added later can read from here on.
start-direct-more = Only the two of you see it.
step-people = Bring people in
step-people-more = Add colleagues, or send them an invite link.
step-topic = Say what it is for
step-topic-more = One line at the top saves ten questions.
step-write = Write the first message
step-write-more = Nobody is ever interrupted by a room they can mute.
new-line = New
not-sent-again = This text was not sent: the form had sent another one before. Look at it, then send it.
not-stored = Not sent. { $name }
message-at = Message { $name }
message-actions = Message actions
reply-here = Reply
edit-message = Edit your message
edit-save = Save the change
delete-message = Delete message
delete-hint = It disappears for everyone. A note stays in its place.
react-with = React with
react = React
take-back = Take back { $name }
replying-to = Replying to message { $name }
show-in-room = Show it among the latest

# Details of a room
about = About
no-topic = No topic yet.
name = Name
topic = Topic
topic-hint = One line that says what this room is for.
change-facts = Name and topic
add-people = Add people
add-people-hint = Search by name or handle.
search = Search
add = Add
owner = Owner
admin = Admin
member = Member
actions-for = Actions for { $name }
make-owner = Make owner
make-admin = Make admin
make-member = Make member
remove-member = Remove from the room
leave-room = Leave this room
leave-hint = You can come back to a public channel at any time. To a private room somebody has to add you.
created-by = Created by { $who } on { $when }
more-members = More members
nobody-found = Nobody by that name.
room-id = Room

# New room, browsing, people
new-room = A new room
room-name = Name
room-name-hint = Short and plain, such as night-line.
visibility = Who can find it
visible-channel = Channel
visible-channel-hint = Everyone in the workspace can find and join it.
visible-group = Private room
visible-group-hint = Only people who are added.
create = Create
browse-title = Browse channels
browse-hint = Public channels of this workspace.
no-channels = No channel by that name
no-channels-more = Look for another word, or create it.
join = Join
join-room = Join { $name }
join-more = You are not in this channel yet. Whoever joins can read it from its beginning.
open = Open
people-title = People
people-hint = Choose somebody to write to.
find-person = Find a person
write-to = Write
that-is-you = You
no-people = Nobody by that name
no-people-more = Look for another word, or invite them.
more-results = More

# Home
welcome-title = Welcome to { $name }
welcome-more = Choose a room at the side, or begin here.
welcome-create = Create a room
welcome-create-more = For a team, a topic or a project.
welcome-write = Write to somebody
welcome-write-more = A conversation of two.
welcome-invite = Invite people
welcome-invite-more = With a link that works once or for everybody.
welcome-browse = Browse channels
welcome-browse-more = See what is there and join.

# Settings
profile = Profile
profile-hint = How colleagues see you.
title-label = What you do
title-hint = Shown beside your name.
time-zone = Time zone
time-zone-hint = For instance Europe/Lisbon. Empty: that of each device.
appearance = Appearance
appearance-hint = On all your devices.
theme = Theme
theme-system = System
theme-light = Light
theme-dark = Dark
contrast = Contrast
contrast-normal = Normal
contrast-more = More
contrast-system = As the system says
density = Density
density-comfortable = Comfortable
density-compact = Compact
devices = Devices
devices-hint = Where you are signed in. Signing a device out ends it at once.
this-device = This device
seen-at = Last seen { $when }
signed-in-at = signed in { $when }
signed-in-here = Signed in { $when }
sign-device-out = Sign out
password-title = Password
password-hint = Changing it signs out all other devices.
current-password = Current password
new-password = New password
change-password = Change password
password-changed = Password changed. All other devices were signed out.
password-wrong = This is not your current password.
all-settings = All settings

# Admin
invites-title = Invites
invites-hint = Links with which people join this workspace.
invite-uses = How many people
invite-uses-hint = Empty: no limit.
invite-days = Works for
days = { $n ->
    [one] { $n } day
   *[other] { $n } days
}
invite-role = As
create-invite = Create a link
invite-link = Invite link
invite-left = { $n ->
    [one] for { $n } more person
   *[other] for { $n } more people
}
invite-unlimited = no limit
invite-ends = until { $when }
invite-for-ever = without end
copy-link = Copy link
turn-off = Turn off
no-invites = No links yet.

# Errors
lost-title = Nobody in this room
lost-more = The link may be old, or the room is private and you are not in it. If you expected to get in, ask whoever sent you here.
lost-back = Back to your rooms
error-title = That did not work
error-denied-title = Not allowed here
error-wait-title = One moment
error-back = Back to your rooms
error-try-again = Try again
