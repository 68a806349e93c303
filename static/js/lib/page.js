import { find } from "./dom.js";

/** @returns {PageData | null} what the server put on the page, or null on pages without it */
export function readPage() {
  const element = find("#page-data");
  if (!element?.textContent) return null;
  try {
    return JSON.parse(element.textContent);
  } catch {
    return null;
  }
}

/** @type {PageData | null} */
export const page = readPage();

/** Whether a user is the one who looks at this page. @param {string | null | undefined} user */
export const isMe = (user) => Boolean(user) && user === page?.me.id;
