// What people type between colons, and the emoji that it stands for.

const CODES = `
👍 +1 thumbsup|👎 -1 thumbsdown|👏 clap|🙏 pray thanks|🎉 tada party|🚀 rocket|👀 eyes|✅ check done|❌ x no|❓ question|💡 bulb idea
🔥 fire|😀 grinning|😁 grin|😂 joy|🤣 rofl|😅 sweat_smile|😊 blush|🙂 slight_smile smile|😉 wink|😍 heart_eyes|😘 kiss|😎 sunglasses cool
🤔 thinking|🤨 raised_eyebrow|😐 neutral|🙄 roll_eyes|😮 open_mouth wow|😱 scream|😢 cry|😭 sob|😡 rage angry|😴 sleeping|🤒 sick|🤯 mind_blown
🥳 partying|😇 innocent|🤗 hug|🤫 shush|🤝 handshake deal|🙌 raised_hands|💪 muscle strong|👋 wave hello|👌 ok_hand|✌️ victory peace
🤞 fingers_crossed|👉 point_right|👈 point_left|👆 point_up|👇 point_down|🫡 salute|🤷 shrug|🤦 facepalm|❤️ heart love|🧡 orange_heart
💛 yellow_heart|💚 green_heart|💙 blue_heart|💜 purple_heart|💔 broken_heart|💯 hundred|⭐ star|✨ sparkles|⚡ zap|🌙 moon|☀️ sun|🌧️ rain
❄️ snow|🌊 ocean sea|🌈 rainbow|🍀 clover luck|🌱 seedling|🌳 tree|🐛 bug|🐢 turtle slow|🐱 cat|🐶 dog|🦆 duck|🐧 penguin|🦀 crab rust
🍕 pizza|🍔 burger|🍎 apple|🍞 bread|🧀 cheese|🎂 cake birthday|🍪 cookie|☕ coffee|🍵 tea|🍺 beer|🍷 wine|🏁 finish|🚩 flag|📌 pin
📎 clip|📝 memo note|📅 calendar|📈 chart_up|📉 chart_down|📦 package|🔒 lock|🔑 key|🔧 wrench|🔨 hammer|⚙️ gear|🧪 test_tube|🔍 mag search
💻 laptop|📱 phone|📣 megaphone|🔔 bell|⏰ alarm|⏳ hourglass|⚠️ warning|🛑 stop|🚧 construction|🚢 ship|⛴️ ferry|⚓ anchor|🚗 car|🚲 bike
✈️ plane|🏠 house|🏢 office|🎵 music|🎁 gift|🏆 trophy|🥇 gold|💰 money|♻️ recycle|➕ plus|➖ minus|🆗 ok|🆕 new`;

/** @type {{emoji: string, codes: string[]}[]} */
export const EMOJI = CODES.trim()
  .split(/[|\n]/)
  .map((item) => {
    const [emoji = "", ...codes] = item.split(" ");
    return { emoji, codes };
  });

/**
 * The emoji whose names begin with the letters, then those that contain them.
 * @param {string} letters @param {number} most
 * @returns {{emoji: string, code: string}[]}
 */
export function findEmoji(letters, most) {
  const wanted = letters.toLowerCase();
  /** @type {{emoji: string, code: string, fit: number}[]} */
  const found = [];
  for (const { emoji, codes } of EMOJI) {
    const code = codes.find((it) => it.startsWith(wanted)) ?? codes.find((it) => it.includes(wanted));
    if (code) found.push({ emoji, code, fit: code === wanted ? 0 : code.startsWith(wanted) ? 1 : 2 });
  }
  return found.sort((a, b) => a.fit - b.fit).slice(0, most);
}

/** The emoji of a whole name. @param {string} code */
export const emojiOf = (code) => EMOJI.find(({ codes }) => codes.includes(code.toLowerCase()))?.emoji;
