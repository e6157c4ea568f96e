// A client of POST api/order/cancel for servers: copy this file as client.mjs. It needs Node.js 18 or newer, nothing else.
//
//   const client = new RefundClient("https://host", secret, "web-2026a");
//   const { code, message, data } = await client.cancel("CTT…", "3288010f-…,6f9619ff-…", "Plans changed");
//
// Code 1 is success, and data is then the number of the refund. Without a kid, requests have the legacy signature.
// Do not put it into a page: the secret would be public, and anybody could sign.
import { createHash, createHmac, randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const PATH = "/api/order/cancel";
const TRY_AGAIN = 3001;
const SIGNED = ["order_number", "random", "refund_passanger_ids", "refund_reason", "terminal", "time_stamp"];

export class RefundClient {
  constructor(url, secret, kid = null, terminal = 1) {
    Object.assign(this, { url: url.replace(/\/+$/, ""), secret, kid, terminal });
  }

  // Ids are separated by commas. Code 3001 and a lost connection are asked again, signed anew: nothing is refunded twice.
  async cancel(order_number, refund_passanger_ids, refund_reason = null, attempts = 4) {
    for (let left = attempts - 1; ; left--) {
      try {
        const result = await this.send(this.signed(order_number, refund_passanger_ids, refund_reason));
        if (result.code !== TRY_AGAIN || left <= 0) return result;
      } catch (error) {
        if (error instanceof Refused || left <= 0) throw error;
      }
      await sleep(2000);
    }
  }

  // The members of a request that may be sent now.
  signed(order_number, refund_passanger_ids, refund_reason = null) {
    const members = {
      order_number, refund_passanger_ids, refund_reason,
      terminal: this.terminal,
      time_stamp: new Date().toISOString().slice(0, 19).replace(/\D/g, ""),
      random: randomInt(10000, 2 ** 31),
    };
    const sign = this.kid === null ? signLegacy(this.secret, members) : signV2(this.secret, this.kid, members);
    return { ...members, sign };
  }

  async send(members) {
    const response = await fetch(this.url + PATH, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(members),
    });
    const text = await response.text();
    if (!response.ok && response.status !== 503) throw new Refused(`${response.status} ${text}`);
    return JSON.parse(text);
  }
}

export class Refused extends Error {}

export function signLegacy(secret, { random, time_stamp, terminal }) {
  const digest = createHash("md5").update(`random=${random}&timestamp=${time_stamp}&terminal=${terminal}`).digest("hex");
  return createHmac("sha256", secret).update(digest).digest("hex");
}

export function signV2(secret, kid, members) {
  let text = `OC-HMAC-SHA256-V2\nPOST\n${PATH}\n${kid}\n`;
  for (const name of SIGNED) {
    if (members[name] == null) {
      text += `${name}=-\n`;
    } else {
      const value = String(members[name]).replace(/\r\n?/g, "\n");
      text += `${name}=${Buffer.byteLength(value)}:${value}\n`;
    }
  }
  return `v2.${kid}.` + createHmac("sha256", secret).update(text).digest("hex");
}
