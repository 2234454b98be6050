// SPDX-License-Identifier: Apache-2.0
//
// Shows custom resources as Lens does, with the code of Lens. Reads
// {definitions, objects} from the standard input and writes, for each object, the
// columns of its list and the badges of its conditions.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const folder = process.env.UPTAKE_LENS;
const require = createRequire(`${folder}/`);
const { CustomResourceDefinition } = require("@freelensapp/kube-object");
const { cssNames, formatJSONValue, safeJSONPathValue } = require("@freelensapp/utilities");
const { startCase } = require("lodash/fp");

// source gives the text of one of Lens' own files, which are in its source map.
function source(name) {
  const map = JSON.parse(readFileSync(`${folder}/renderer.js.map`, "utf8"));
  const at = map.sources.findIndex((path) => path.endsWith(name));
  if (at < 0) throw new Error(`Lens has no ${name}`);
  return map.sourcesContent[at];
}

// one gives the text of a function that a file exports.
function one(text, name) {
  const found = text.match(new RegExp(`export (function ${name}\\([\\s\\S]*?\\n\\})`));
  if (!found) throw new Error(`there is no function ${name}`);
  return found[1];
}

// The classes that Lens gives to the badge of a condition, and the background that
// its style sheet has for them; a later rule wins.
const classesOf = new Function("cssNames", `${one(source("kube-object-conditions/components.tsx"), "getClassName")}; return getClassName;`)(cssNames);
const rules = [...readFileSync(`${folder}/renderer.css`, "utf8").matchAll(/\.CustomResourceDetails \.conditions \.(\w+)\{background:var\(--(\w+)\)/g)];
if (rules.length === 0) throw new Error("the style sheet has no rules for badges");
const colours = { colorOk: "green", colorSuccess: "green" };

function badge(condition) {
  const classes = classesOf(condition).split(" ");
  let colour = "plain";
  for (const [, name, variable] of rules) {
    if (classes.includes(name)) colour = colours[variable] ?? variable;
  }
  return { label: condition.type, colour: classes.includes("error") ? "error" : colour };
}

// columns are those of Lens' list; its component does the same with the same functions.
function columns(definition, object) {
  return definition.getPrinterColumns(false).map(({ name, jsonPath }) => ({
    title: startCase(name),
    text: formatJSONValue(safeJSONPathValue(object, jsonPath)),
  }));
}

const { definitions, objects } = JSON.parse(readFileSync(0, "utf8"));
// Lens fills in selfLink, which API servers give no more.
const byKind = new Map(definitions.map((plain) => [
  plain.spec.names.kind,
  new CustomResourceDefinition({ ...plain, metadata: { ...plain.metadata, selfLink: `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plain.metadata.name}` } }),
]));
const shown = objects.map((object) => ({
  columns: columns(byKind.get(object.kind), object),
  badges: (object.status?.conditions ?? []).map(badge),
}));
process.stdout.write(JSON.stringify(shown));
