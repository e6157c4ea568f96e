// Signs with the module on docs/signing.md: node sign_cases.mjs MODULE, cases as JSON on standard input, signs as JSON out.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const client = await import(pathToFileURL(process.argv[2]));
const signs = {};
for (const [name, { scheme, secret, kid, members }] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  signs[name] = scheme === "v2" ? client.signV2(secret, kid, members) : client.signLegacy(secret, members);
}
console.log(JSON.stringify({ now: client.timeStampNow(), signs }));
