// Explain my request: posts what was pasted to this very page and shows what the service says of it, as text.
"use strict";

const field = (id) => document.getElementById(id);
const result = field("result");
const say = result.dataset;

function element(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function row(name, value) {
  const made = document.createElement("tr");
  made.append(element("td", name), value == null ? element("td", say.missing, "quiet") : element("td", String(value)));
  return made;
}

function list(id, lines) {
  field(id).replaceChildren(...(lines.length ? lines : [say.none]).map((line) => element("li", line)));
}

function outcome({ problems, signature }) {
  if (problems.length) return [`1001: ${say.notJudged}`, "bad"];
  if (signature.cause) return [`1002: ${say.rejected} ${signature.why}`, "bad"];
  return [`${say.holds} (${signature.scheme}, ${signature.kid})`, "good"];
}

function show(explained) {
  const [text, className] = outcome(explained);
  field("outcome").textContent = text;
  field("outcome").className = className;
  // Not the format of the answer: that would be chosen by the Accept of this browser.
  field("formats").textContent = `${explained.read_as ?? "–"}, ${explained.read_in}`;
  field("members").replaceChildren(...explained.members.map(({ name, value }) => row(name, value)));
  list("problems", explained.problems);
  list("skipped", explained.skipped.map(({ member, why }) => (member ? `${member}${say.colon}${why}` : why)));
  const clock = explained.clock;
  field("clock").textContent = clock
    ? `${clock.signed_at} – ${clock.now}: ${clock.seconds_ahead} ${say.ahead} ${clock.tolerance}`
    : explained.members.length ? say.noClock : say.noRequest;
  field("clock").className = clock && !clock.within ? "bad" : "";
  field("signing").replaceChildren(...(explained.signing.length ? explained.signing.flatMap(signed) : [element("p", say.unsigned)]));
  result.hidden = false;
}

function signed({ scheme, kid, text, expected, matches }) {
  const pre = element("pre", text);
  pre.tabIndex = 0;
  const sign = element("p", `${say.expected}${say.colon}`);
  sign.append(element("code", expected, "wrap"));
  return [element("h3", `${scheme}, ${kid}`), pre, sign, element("p", matches ? say.matches : say.differs, matches ? "good" : "quiet")];
}

async function explain(event) {
  event.preventDefault();
  result.hidden = field("refused").hidden = true;
  const headers = { "Content-Type": field("content-type").value };
  try {
    const answer = await fetch(`${location.pathname}?lang=${document.documentElement.lang}`, { method: "POST", headers, body: field("body").value });
    if (answer.ok) return show(await answer.json());
    refused(`HTTP ${answer.status}\n${await answer.text()}`);
  } catch (error) {
    refused(String(error));
  }
}

function refused(text) {
  field("refused").querySelector("pre").textContent = text;
  field("refused").hidden = false;
}

// What is pasted chooses the Content-Type; the reader may choose another one.
function choose({ inputType }) {
  const start = field("body").value.trimStart()[0];
  const type = { "<": "application/xml", "{": "application/json" }[start] ?? "application/x-www-form-urlencoded";
  if (inputType === "insertFromPaste") field("content-type").value = type;
}

field("body").addEventListener("input", choose);
field("explain").addEventListener("submit", explain);
