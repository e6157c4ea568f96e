// Signs a request with v2 and spells it in each format. `facts` are of the action: path, members in the order of XML.
"use strict";

function canonicalText(facts, members) {
  const names = facts.members.map(({ name }) => name).filter((name) => name !== "sign").sort();
  let text = `OC-HMAC-SHA256-V2\n${facts.method}\n${facts.path}\n${facts.key.kid}\n`;
  for (const name of names) {
    if (members[name] == null) {
      text += `${name}=-\n`;
    } else {
      const value = String(members[name]).replace(/\r\n?/g, "\n");
      text += `${name}=${new TextEncoder().encode(value).length}:${value}\n`;
    }
  }
  return text;
}

async function signV2(facts, text) {
  const bytes = (value) => new TextEncoder().encode(value);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes(facts.key.secret), algorithm, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes(text)));
  return `v2.${facts.key.kid}.` + Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function writeJson(facts, members) {
  return JSON.stringify(members);
}

function writeForm(facts, members) {
  return new URLSearchParams(Object.entries(members).filter(([, value]) => value != null)).toString();
}

function writeXml(facts, members) {
  const escaped = (text) => text.replace(/[&<>\r]/g, (mark) => `&#${mark.charCodeAt(0)};`);
  const element = ({ name, namespace, names }) => {
    if (members[name] == null) return "";
    const value = names[members[name]] ?? String(members[name]);
    return `<${name}${namespace === facts.namespace ? "" : ` xmlns="${namespace}"`}>${escaped(value)}</${name}>`;
  };
  return `<${facts.root} xmlns="${facts.namespace}">${facts.members.map(element).join("")}</${facts.root}>`;
}

const FORMATS = {
  json: { type: "application/json", write: writeJson },
  xml: { type: "application/xml", write: writeXml },
  form: { type: "application/x-www-form-urlencoded", write: writeForm },
};
