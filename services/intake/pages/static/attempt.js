// Idempotency keys: the same content of the same attempt always gets the same key, so that a repeat counts once.

/** Stored values of this browser; a browser that refuses to store answers null and false. */
export const kept = {
  get(name) { try { return JSON.parse(localStorage.getItem(name)); } catch { return null; } },
  put(name, value) { try { localStorage.setItem(name, JSON.stringify(value)); return true; } catch { return false; } },
  drop(name) { try { localStorage.removeItem(name); } catch { /* nothing was stored */ } },
};

function fresh() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// 53 bits are enough beside the 128 random ones; crypto.subtle is missing where a county serves plain HTTP.
function digest(text) {
  let high = 0xdeadbeef, low = 0x41c6ce57;
  for (let place = 0; place < text.length; place++) {
    const code = text.charCodeAt(place);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (low >>> 0).toString(16).padStart(8, "0") + (high >>> 0).toString(16).padStart(8, "0");
}

/** An attempt to submit one thing, named by its submission key; it survives a reload until `done`. */
export class Attempt {
  constructor(name) {
    this.name = `kc:attempt:${name}`;
    this.nonce = kept.get(this.name) || fresh();
  }

  key(content) {
    kept.put(this.name, this.nonce);
    return `page-${this.nonce}-${digest(content)}`;
  }

  done() { kept.drop(this.name); this.nonce = fresh(); }
}
