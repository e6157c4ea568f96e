// Try it: signs the request in the fields and shows what was sent and what came back, as it is.
"use strict";

const form = document.getElementById("try");
const facts = JSON.parse(form.dataset.facts);
const field = (id) => document.getElementById(id);
const FIELDS = ["order_number", "refund_passanger_ids", "refund_reason"];

function membersNow() {
  const members = { ...facts.sample };
  for (const name of FIELDS) members[name] = field(name).value === "" ? null : field(name).value;
  members.time_stamp = new Date().toISOString().slice(0, 19).replace(/\D/g, "");
  members.random = 10000 + (crypto.getRandomValues(new Uint32Array(1))[0] % 2000000000);
  delete members.sign;
  return members;
}

async function send(event) {
  event.preventDefault();
  const members = membersNow();
  const text = canonicalText(facts, members);
  members.sign = await signV2(facts, text);
  const { type, write } = FORMATS[field("format").value];
  const body = write(facts, members);
  const headers = { "Content-Type": type, Accept: field("accept").value };
  field("request").textContent = [
    `${facts.method} ${facts.path}`, ...Object.entries(headers).map((pair) => pair.join(": ")), "", body,
  ].join("\n");
  field("signed-text").textContent = text;
  field("curl").textContent = curl(headers, body);
  await show(fetch(facts.path, { method: facts.method, headers, body }));
}

async function show(answering) {
  try {
    const answer = await answering;
    field("status").textContent = `HTTP ${answer.status} ${answer.statusText}`;
    field("status").className = answer.ok ? "good" : "bad";
    const lines = Array.from(answer.headers, (pair) => pair.join(": "));
    field("answer").textContent = [...lines, "", await answer.text()].join("\n");
  } catch (error) {
    field("status").textContent = String(error);
    field("status").className = "bad";
    field("answer").textContent = "";
  }
  field("sent").hidden = false;
}

function curl(headers, body) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const given = Object.entries(headers).map((pair) => `-H ${quoted(pair.join(": "))}`);
  return ["curl -sS", ...given, "--data-raw", quoted(body), location.origin + facts.path].join(" ");
}

async function fill() {
  const answer = await fetch("/Help/TryIt/order");
  const order = answer.ok ? await answer.json() : {};
  field("no-order").hidden = Object.keys(order).length > 0;
  for (const [name, value] of Object.entries(order)) field(name).value = value;
}

field("refund_reason").value = facts.sample.refund_reason;
field("insecure").hidden = Boolean(crypto.subtle);
form.addEventListener("submit", send);
field("another").addEventListener("click", fill);
fill();
