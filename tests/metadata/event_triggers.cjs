// Checks event triggers, a file with a JSON list, with the published converter of an older version of the metadata:
// the newer types have no event triggers.
// usage: event_triggers.cjs NODE_MODULES FILE
const { Convert } = require(`${process.argv[2]}/@hasura/metadata/dist/HasuraMetadataV2.js`);

const triggers = JSON.parse(require("node:fs").readFileSync(process.argv[3], "utf8"));
for (const trigger of triggers) Convert.toEventTrigger(JSON.stringify(trigger));
