// check.js DEPLOY SCRATCH: checks the form of the files in the folder DEPLOY, and prints "FILE NAME VALUE" for each
// setting that one of them gives the service. A value of "-" comes from a secret. Faults go to stderr, and the status
// is then 1. SCRATCH is a folder for a file.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import * as serving from "@kubernetes-models/knative/serving.knative.dev/v1";
import * as apps from "kubernetes-models/apps/v1";
import * as autoscaling from "kubernetes-models/autoscaling/v2";
import * as networking from "kubernetes-models/networking.k8s.io/v1";
import * as policy from "kubernetes-models/policy/v1";
import * as core from "kubernetes-models/v1";
import { parse as parseToml } from "smol-toml";
import { parse as parseYaml, parseAllDocuments } from "yaml";

const models = {
  "apps/v1": ["kubernetes-models/apps/v1", apps],
  "autoscaling/v2": ["kubernetes-models/autoscaling/v2", autoscaling],
  "networking.k8s.io/v1": ["kubernetes-models/networking.k8s.io/v1", networking],
  "policy/v1": ["kubernetes-models/policy/v1", policy],
  "serving.knative.dev/v1": ["@kubernetes-models/knative/serving.knative.dev/v1", serving],
  v1: ["kubernetes-models/v1", core],
};

const [deploy, scratch] = process.argv.slice(2);
const read = (name) => readFileSync(`${deploy}/${name}`, "utf8");

function fail(file, text) {
  console.error(`${file}: ${text}`);
  process.exitCode = 1;
}

function print(file, name, value) {
  console.log(file, name, value ?? "-");
}

// The documents of a file, each valid by the schema of its kind. The schemas allow unknown members, so the objects also
// become TypeScript, whose compiler does not.
const typed = [];
function objects(file) {
  return parseAllDocuments(read(file)).map((document) => {
    for (const fault of [...document.errors, ...document.warnings]) fail(file, fault.message);
    const object = document.toJS();
    const [module, kinds] = models[object.apiVersion] ?? [];
    const Model = kinds?.[object.kind];
    if (!Model) {
      fail(file, `nothing is known of ${object.apiVersion} ${object.kind}`);
      return object;
    }
    try {
      new Model(object).validate();
    } catch (error) {
      fail(file, error.message);
    }
    const text = JSON.stringify(object, null, 1);
    typed.push(`(_: import("${module}").I${object.kind} = ${text}) => _; // ${file}`);
    return object;
  });
}

for (const file of ["kubernetes.yaml", "cloudrun.yaml"])
  for (const { spec } of objects(file))
    for (const container of spec.template?.spec.containers ?? [])
      for (const { name, value } of container.env) print(file, name, value);

writeFileSync(`${scratch}/objects.ts`, typed.join("\n"));
const packages = new URL("node_modules", import.meta.url).pathname;
const options = "--noEmit --strict --skipLibCheck --target es2022 --module esnext --moduleResolution node10";
const compiler = spawnSync(process.execPath, [
  `${packages}/typescript/bin/tsc`, ...options.split(" "), "--baseUrl", packages, `${scratch}/objects.ts`,
]);
if (compiler.status !== 0) fail("unknown members", compiler.stdout.toString());

const { env, http_service: service, ...fly } = parseToml(read("fly.toml"));
for (const name of Object.keys(env)) print("fly.toml", name, env[name]);
if (!service.checks.every(({ path }) => path.startsWith("/"))) fail("fly.toml", "a check has no path");
if (!(service.internal_port > 0) || !fly.vm.length) fail("fly.toml", "no internal_port, or no vm");

const [, header, text] = read("huggingface/README.md").split(/^---$/m);
const { sdk, app_port, title } = parseYaml(header);
if (sdk !== "docker" || !(app_port > 0) || !title) fail("huggingface/README.md", "the header is incomplete");
for (const [, name, value] of text.matchAll(/`([A-Z_]+)(?:=([^`]+))?`/g)) print("huggingface/README.md", name, value);

const { services } = parseYaml(read("compose.yaml"));
for (const [name, value] of Object.entries(services.steelthread.environment)) print("compose.yaml", name, value);
