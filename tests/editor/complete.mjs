// Drives yaml-language-server with the committed schemas, as an editor does, and checks what a person would see.
//
//   npm install --prefix /tmp/yls yaml-language-server
//   node tests/editor/complete.mjs /tmp/yls/node_modules/yaml-language-server/bin/yaml-language-server
//
// Run by hand: it needs Node.js, which nothing else here does.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const server = spawn(process.argv[2], ["--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
const waiting = new Map();
const diagnosed = new Map();
let next = 1;
let opened = 0;
let received = Buffer.alloc(0);

server.stdout.on("data", (data) => {
  received = Buffer.concat([received, data]);
  for (;;) {
    const head = received.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/Content-Length: (\d+)/i.exec(received.subarray(0, head))[1]);
    if (received.length < head + 4 + length) return;
    take(JSON.parse(received.subarray(head + 4, head + 4 + length)));
    received = received.subarray(head + 4 + length);
  }
});

function take(message) {
  if (message.method === "textDocument/publishDiagnostics") {
    diagnosed.get(message.params.uri)?.(message.params.diagnostics);
  } else if (message.method && message.id !== undefined) {
    const settings = { yaml: { completion: true, hover: true, validate: true } };
    const result = message.method === "workspace/configuration" ? message.params.items.map((item) => settings[item.section] ?? {}) : null;
    send({ id: message.id, result });
  } else if (message.id !== undefined) {
    waiting.get(message.id)?.(message.result ?? message.error);
  }
}

function send(message) {
  const text = JSON.stringify({ jsonrpc: "2.0", ...message });
  server.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}

function ask(method, params) {
  const id = next++;
  return new Promise((answer) => { waiting.set(id, answer); send({ id, method, params }); });
}

// Opens a text whose `|` is the cursor, and says what the editor would show.
async function look(schema, marked) {
  const at = marked.indexOf("|");
  const line = `# yaml-language-server: $schema=${pathToFileURL(join(root, "schemas", schema))}\n`;
  const text = line + (at < 0 ? marked : marked.slice(0, at) + marked.slice(at + 1));
  const before = (line + marked.slice(0, Math.max(at, 0))).split("\n");
  const uri = `file:///tmp/${++opened}.yaml`;
  const diagnostics = new Promise((tell) => diagnosed.set(uri, tell));
  send({ method: "textDocument/didOpen", params: { textDocument: { uri, languageId: "yaml", version: 1, text } } });
  const position = { line: before.length - 1, character: before.at(-1).length };
  const place = { textDocument: { uri }, position };
  const completions = at < 0 ? { items: [] } : await ask("textDocument/completion", place);
  const hover = at < 0 ? null : await ask("textDocument/hover", place);
  return { items: completions.items, hover: hover?.contents?.value ?? "", diagnostics: await diagnostics };
}

let failures = 0;
function check(what, holds, seen) {
  console.log(`${holds ? "ok  " : "FAIL"} ${what}`);
  if (!holds) { failures += 1; console.log(seen); }
}

// The keys of one entity that are offered: no families, nothing that was dropped.
function keys(schema, name) {
  const map = JSON.parse(readFileSync(join(root, "schemas", schema)));
  const { properties } = (map.$defs ?? map.definitions)[name];
  return Object.entries(properties).filter(([, value]) => !value.deprecated && !value.doNotSuggest).map(([key]) => key);
}

const labels = (seen) => seen.items.map((item) => item.label);
const missing = (seen, wanted) => wanted.filter((key) => !labels(seen).includes(key));

async function checks(schema) {
  const zfs = "storage_pools:\n- name: x\n  driver: zfs\n  config:\n    |";
  for (const [what, name, text] of [
    ["a zfs pool", "storage-zfs", zfs],
    ["a btrfs pool", "storage-btrfs", zfs.replace("zfs", "btrfs")],
    ["an lvm pool", "storage-lvm", zfs.replace("zfs", "lvm")],
    ["a dir pool", "storage-dir", zfs.replace("zfs", "dir")],
    ["a member's part of a zfs pool", "members.storage-zfs", "storage_pools:\n- name: x\n  driver: zfs\n  members:\n    node1:\n      |"],
    ["a network without a type", "network-bridge", "networks:\n- name: x\n  config:\n    |"],
    ["a physical network", "network-physical", "networks:\n- name: x\n  type: physical\n  config:\n    |"],
    ["the server", "server", "config:\n  |"],
    ["a project", "project", "projects:\n- name: x\n  config:\n    |"],
    ["a profile", "instance+kernel", "profiles:\n- name: x\n  config:\n    |"],
    ["a bridged interface", "device.nic.bridged", "profiles:\n- name: x\n  devices:\n    eth0:\n      type: nic\n      nictype: bridged\n      |"],
    ["a disk", "device.disk", "profiles:\n- name: x\n  devices:\n    root:\n      type: disk\n      |"],
  ]) {
    const seen = await look(schema, text);
    const wanted = keys(schema, name).filter((key) => !["type", "nictype"].includes(key));
    check(`${what} offers all its ${wanted.length} keys`, missing(seen, wanted).length === 0, [missing(seen, wanted), labels(seen)]);
    const mute = seen.items.filter((item) => wanted.includes(item.label) && !item.documentation);
    check(`${what} explains each of them`, mute.length === 0, mute.map((item) => item.label));
  }
  const foreign = await look(schema, zfs);
  check("a zfs pool does not offer keys of lvm", !labels(foreign).some((key) => key.startsWith("lvm.")), labels(foreign));

  const drivers = await look(schema, "storage_pools:\n- name: x\n  driver: |");
  check("drivers are offered", missing(drivers, ["dir", "btrfs", "zfs", "lvm"]).length === 0, labels(drivers));
  const modes = await look(schema, "networks:\n- name: x\n  config:\n    bridge.driver: |");
  check("words of a value are offered", missing(modes, ["native", "openvswitch"]).length === 0, labels(modes));
  const flags = await look(schema, "networks:\n- name: x\n  config:\n    ipv4.nat: |");
  check("true and false are offered", missing(flags, ["true", "false"]).length === 0, labels(flags));

  const hover = await look(schema, "storage_pools:\n- name: x\n  driver: zfs\n  config:\n    zfs.clone_|copy: true\n");
  check("hovering over a key tells what it means", hover.hover.includes("lightweight clones") && hover.diagnostics.length === 0, hover);

  for (const [what, text, said] of [
    ["an unknown driver", "storage_pools:\n- name: x\n  driver: zsf\n", /accepted|Valid values/],
    ["an unknown word", "networks:\n- name: x\n  config:\n    bridge.driver: nativ\n", /accepted|Valid values/],
    ["a key of another driver", "storage_pools:\n- name: x\n  driver: dir\n  config:\n    zfs.pool_name: tank\n", /zfs.pool_name/],
    ["a key that members do not have of their own", "storage_pools:\n- name: x\n  driver: zfs\n  members:\n    n1:\n      zfs.clone_copy: true\n", /zfs.clone_copy/],
    ["a flag that is none", "networks:\n- name: x\n  config:\n    ipv4.nat: perhaps\n", /true or false/],
    ["a dropped key", "config:\n  core.trust_password: sekret\n", /join tokens/],
    ["a pool without a driver", "storage_pools:\n- name: x\n", /driver/],
  ]) {
    const { diagnostics } = await look(schema, text);
    check(`${what} is marked: ${diagnostics[0]?.message}`, diagnostics.length === 1 && said.test(diagnostics[0].message), diagnostics);
  }
  const good = readFileSync(join(root, "examples/three-members.yaml"), "utf8");
  const { diagnostics } = await look(schema, good);
  check("an example has no marks", diagnostics.length === 0, diagnostics);
}

await ask("initialize", { processId: process.pid, rootUri: null, capabilities: { textDocument: { completion: { completionItem: { snippetSupport: true, documentationFormat: ["markdown"] } }, hover: { contentFormat: ["markdown"] } }, workspace: { configuration: true } } });
send({ method: "initialized", params: {} });
send({ method: "workspace/didChangeConfiguration", params: { settings: {} } });
for (const schema of ["seedbed.schema.json", "seedbed.draft-07.schema.json"]) {
  console.log(`# ${schema}`);
  await checks(schema);
}
server.kill();
process.exit(failures ? 1 : 0);
