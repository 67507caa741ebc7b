// The same objects through cdk8s: one chart, one ApiObject each, synthesised to YAML.
// usage: node cdk8s.cjs read OBJECTS.yaml OBJECTS.json | node cdk8s.cjs write OBJECTS.json FOLDER
const fs = require("fs");
const { App, ApiObject, Chart, Yaml } = require("cdk8s");

const [how, from, to] = process.argv.slice(2);
if (how === "read") {
  fs.writeFileSync(to, JSON.stringify(Yaml.load(from)));
} else {
  const app = new App({ outdir: to });
  const chart = new Chart(app, "all", { disableResourceNameHashes: true });
  JSON.parse(fs.readFileSync(from, "utf8")).forEach((object, i) => new ApiObject(chart, `o${i}`, object));
  app.synth();
}
