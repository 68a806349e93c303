//! What the crew says. `{ship}`, `{quay}`, `{time}`, `{n}` and `{day}` are filled in; `@handle` names somebody.

pub const SHIPS: [&str; 5] = ["Solvind", "Nordlys", "Tidevann", "Fjordglimt", "Havbris"];
pub const QUAYS: [&str; 5] = [
    "Quay 1",
    "Quay 2",
    "Quay 4",
    "the east berth",
    "the fuel berth",
];
pub const TIMES: [&str; 6] = ["06:10", "07:45", "09:30", "14:05", "17:50", "22:15"];
pub const DAYS: [&str; 5] = ["Monday", "Tuesday", "Thursday", "Friday", "the weekend"];

/// Said in any room.
pub const SMALL: [&str; 24] = [
    "Good morning!",
    "On it.",
    "Thanks, that helps.",
    "Can somebody check this before {time}?",
    "Done. {n} minutes, less than I feared.",
    "I will be away on {day}, ask @priya instead.",
    "👍",
    "Not sure. Let me look at the log and come back to you.",
    "Yes, but only if the weather holds.",
    "Same here.",
    "Please put that in writing, I will forget it otherwise.",
    "Let us talk about it on {day}.",
    "That was quick!",
    "Are we still on for {time}?",
    "I agree with @tomas.",
    "Sorry, wrong room.",
    "Who has the keys to the blue van?",
    "Back in {n} minutes.",
    "It works now. I changed nothing, which worries me.",
    "I would rather wait until {day}.",
    "Noted, thank you.",
    "*whistles innocently*",
    "Could you say that once more, slowly, for those of us who were on deck?",
    "Lunch?",
];

pub const HARBOUR: [&str; 16] = [
    "{ship} is alongside at {quay}, gangway down.",
    "{ship} leaves {quay} {n} minutes late: two lorries had to turn around.",
    "Wind {n} kn from south-west. {ship} keeps to the inner route until further notice.",
    "The bollard at {quay} is loose again. I have cordoned it off; nobody ties up there please.",
    "Pilot confirmed for {time}.",
    "Who moved the traffic cones at {quay}?",
    "We have {n} cars standing for the {time}. Opening the second lane.",
    "{ship} asks for shore power on arrival. @dmytro, is the new cable in place?",
    "Fog. Visibility under {n}00 m. Sound signals as usual.",
    "The ramp at {quay} is clean and dry again.",
    "A school class of {n} comes with the {time}. They get the upper deck.",
    "Ice on the steps of {quay}. Salt is on its way.",
    "Lost and found: one red child's boot, left.",
    "The lights at {quay} flicker. I have told @dmytro.",
    "@here {ship} and {ship} swap berths today.",
    "All quiet. A seal is sleeping on the pontoon, please let it.",
];

pub const ENGINEERING: [&str; 16] = [
    "Main engine 2 of {ship}: exhaust temperature {n}0 °C above the others on cylinder 4. Injector, I guess.",
    "I replaced the sensor. The old one was full of salt.",
    "Spare part arrives on {day}. Until then we run at 85 %.",
    "Battery bank of {ship} took {n} minutes to charge, as planned.",
    "The bilge alarm of {ship} went off at {time}. False alarm; the float was stuck.",
    "Oil sample of {ship} is fine: iron 12 ppm, copper 3 ppm.",
    "@misaki could you look at the vibration figures? There is a peak at {n} Hz.",
    "Torque list for the hatch:\n\n1. front left, 45 Nm\n2. rear right, 45 Nm\n3. front right, 45 Nm\n4. rear left, 45 Nm\n\nThen once more around.",
    "Steps before start:\n\n- close the sea valve\n- drain the filter\n- **open the sea valve again**\n\nThe last one is the one people forget.",
    "The pump curve does not match what we ordered. I have sent the drawings back.",
    "Class surveyor comes on {day} at {time}.",
    "Dry dock is booked. {n} days, weather permitting.",
    "`FAULT 0x2F` again on the port thruster. Reset helps for about {n} minutes.",
    "I measured it twice: {n} mm.",
    "> the cable is long enough\n\nIt is not.",
    "Nice work, everybody. {ship} is back in service.",
];

pub const SOFTWARE: [&str; 14] = [
    "The ticket gate answered in {n} ms on average today.",
    "```rust\nfn fare(zones: u32, child: bool) -> u32 {\n    let full = 40 + 15 * zones.saturating_sub(1);\n    if child { full / 2 } else { full }\n}\n```\n\nIs a fraction rounded down on purpose?",
    "```sql\nSELECT departure, count(*) AS cars\nFROM bookings\nWHERE day = '2026-03-14'\nGROUP BY departure\nORDER BY cars DESC;\n```",
    "Deployed. Watch the error rate for {n} minutes please.",
    "Rolled back. It was the time zone, it is always the time zone.",
    "The kiosk at {quay} prints blank tickets. Paper is in the wrong way around.",
    "```\n$ curl -s localhost:8080/health/ready\n{\"status\":\"ok\",\"reasons\":[]}\n```",
    "Whoever wrote `// temporary, remove in 2019`: I salute you.",
    "Load test passed with {n}00 bookings a minute.",
    "I renamed `ferry_id2` to `vessel`. Everything that can break, please break now.",
    "The import took {n} minutes. Most of it is waiting for the scanner.",
    "Can we drop support for the old paper barcodes after {day}?",
    "See https://halden-ferries.example/docs/gates for how the gates talk to the kiosk.",
    "Two rows out of 40,000 are wrong, and both are mine.",
];

pub const CARE: [&str; 12] = [
    "A lady asks whether her cat needs a ticket. It does not, but it has to stay in the box.",
    "Refund for booking of {day} done.",
    "Eleven calls about the {time}. Could somebody put the delay on the screen?",
    "مرحبا بالجميع، وصلتنا ثلاث رسائل شكر اليوم من مسافري العبّارة {ship}. أحسنتم!",
    "السؤال الأكثر تكرارًا اليوم: هل يُسمح بالدراجات في رحلة {time}؟ نعم، حتى {n} دراجة.",
    "Un passager a oublié son parapluie à bord du {ship}, {quay}. Merci de vérifier.",
    "She wrote back: “best crossing of my life”. Framing this.",
    "The chat on the web site was down for {n} minutes. Nobody noticed but us.",
    "Family of five, missed the {time} because of our sign at {quay}. I gave them the next one free.",
    "Please do not promise window seats. There are no seat numbers.",
    "Kan noen svare på norsk? Kunden spør om rabatt for pensjonister.",
    "@channel new text for delays is in the folder, please use it from {day}.",
];

pub const WORLD: [&str; 14] = [
    "שלום לכולם! השער החדש ב-{quay} עובד, ‏{n} אלפיות שנייה לסריקה.",
    "תודה @layla, אבדוק את זה עד {time}.",
    "おはようございます。{ship} の振動データを確認しました。{n} Hz のピークは許容範囲内です。",
    "図面を更新しました。{day} までにご確認をお願いします。",
    "Кабель на {quay} замінено, напруга в нормі.",
    "{day}까지 수요 예측을 공유할게요. 주말에는 약 {n}% 증가할 것 같습니다.",
    "Dziękuję! Będę na mostku o {time}.",
    "Καλημέρα! Τα τιμολόγια της εβδομάδας είναι έτοιμα.",
    "¡Buenos días! ¿Alguien tiene el horario nuevo?",
    "🌊🌊🌊",
    "क्या {time} वाली नाव समय पर है?",
    "مرحبًا @noam، هل يمكنك فحص البوابة رقم {n}؟ شكرًا",
    "今日の海はとても静かです 🌅",
    "I read this with a translator and it came out as poetry.",
];

pub const EMOJI: [&str; 10] = ["👍", "❤️", "😂", "🎉", "🙏", "👀", "✅", "🚢", "🔥", "😮"];

/// What an edit adds.
pub const AFTERTHOUGHTS: [&str; 4] = [
    "(Edit: {time}, not earlier.)",
    "Edit: {quay}, sorry.",
    "(corrected the number)",
    "Update: solved.",
];
