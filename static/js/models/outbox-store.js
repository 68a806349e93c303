// Where unsent things live: IndexedDB, or memory if the browser denies it.

const KEY = (/** @type {Sending} */ it) => [it.person, it.room, it.client_id];

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** @returns {Promise<IDBDatabase>} */
function open() {
  const request = indexedDB.open("chapiana", 1);
  request.onupgradeneeded = () => {
    const store = request.result.createObjectStore("outbox", { keyPath: ["person", "room", "client_id"] });
    store.createIndex("order", ["person", "order"]);
  };
  return done(request);
}

export class OutboxStore {
  /** @type {Promise<IDBDatabase | null>} */ #db = Promise.resolve().then(open).catch(() => null);
  /** @type {Map<string, Sending>} */ #memory = new Map();

  /**
   * Stores a new item behind all others of its person.
   * @param {Sending} item
   */
  async add(item) {
    const db = await this.#db;
    if (!db) {
      item.order = Math.max(Date.now(), ...[...this.#memory.values()].map((it) => it.order + 1));
      this.#memory.set(item.client_id, item);
      return;
    }
    const store = db.transaction("outbox", "readwrite", { durability: "strict" }).objectStore("outbox");
    const range = IDBKeyRange.bound([item.person, 0], [item.person, Infinity]);
    const last = await done(store.index("order").openCursor(range, "prev"));
    item.order = Math.max(Date.now(), last ? last.value.order + 1 : 0);
    await done(store.put(item));
  }

  /** Writes an item that is stored already; one that is gone meanwhile stays gone. @param {Sending} item */
  async update(item) {
    const db = await this.#db;
    if (!db) return;
    const store = db.transaction("outbox", "readwrite").objectStore("outbox");
    if (await done(store.getKey(KEY(item)))) await done(store.put(item));
  }

  /** @param {Sending} item */
  async remove(item) {
    const db = await this.#db;
    if (!db) this.#memory.delete(item.client_id);
    else await done(db.transaction("outbox", "readwrite").objectStore("outbox").delete(KEY(item)));
  }

  /** Everything of a person, in the order of writing. @param {string} person @returns {Promise<Sending[]>} */
  async all(person) {
    const db = await this.#db;
    if (!db) return [...this.#memory.values()].filter((it) => it.person === person).sort((a, b) => a.order - b.order);
    const range = IDBKeyRange.bound([person, 0], [person, Infinity]);
    return done(db.transaction("outbox").objectStore("outbox").index("order").getAll(range));
  }
}
