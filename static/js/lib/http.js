/** What the API answered instead of success. */
export class Problem extends Error {
  /** @param {number} status @param {string} code @param {string} detail */
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/**
 * One call of the API with the session's cookie.
 * @param {string} path below /api/v1
 * @param {{method?: string, body?: unknown}} [options]
 * @returns {Promise<any>}
 */
export async function api(path, options = {}) {
  const response = await fetch(`/api/v1${path}`, {
    method: options.method ?? "GET",
    headers: options.body === undefined ? {} : { "content-type": "application/json" },
    body: options.body === undefined ? null : JSON.stringify(options.body),
  });
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = await response.json().catch(() => ({}));
  throw new Problem(response.status, problem.code ?? "unknown", problem.detail ?? response.statusText);
}

/**
 * Markup of this site, or null if it is not to be had now.
 * @param {string} path
 */
export async function markup(path) {
  try {
    const response = await fetch(path, { headers: { accept: "text/html" } });
    return response.ok ? await response.text() : null;
  } catch {
    return null;
  }
}
