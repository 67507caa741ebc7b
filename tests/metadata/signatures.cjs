// Reads actions.graphql as Hasura's command line does, and prints the actions and types as metadata.
// usage: signatures.cjs NODE_MODULES FILE   (fails where the file is not valid GraphQL)
const [modules, file] = process.argv.slice(2);
const { buildASTSchema, parse, print } = require(`${modules}/graphql`);
const { readFileSync } = require("node:fs");

const text = readFileSync(file, "utf8");
const document = text.trim() ? parse(text) : { kind: "Document", definitions: [] };
const declared = new Set(document.definitions.map((node) => node.name.value));

// Hasura knows the types of PostgreSQL as scalars, so they are not declared in the file.
const base = (type) => (type.type ? base(type.type) : type.name.value);
const used = document.definitions.flatMap((node) =>
  (node.fields ?? []).flatMap((field) => [field, ...(field.arguments ?? [])].map((it) => base(it.type))),
);
const builtIn = ["Boolean", "Float", "ID", "Int", "String"];
const scalars = [...new Set(used)].filter((name) => !declared.has(name) && !builtIn.includes(name));
for (const name of scalars) {
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error(`unknown type ${name}`);
}
if (text.trim()) buildASTSchema(parse(`${text}\n${scalars.map((name) => `scalar ${name}`).join("\n")}`));

const signatures = {};
const custom_types = { enums: [], input_objects: [], objects: [], scalars: [] };
const fields = (node) => node.fields.map((field) => ({ name: field.name.value, type: print(field.type) }));
for (const node of document.definitions) {
  const name = node.name.value;
  if (name === "Query" || name === "Mutation") {
    for (const field of node.fields) {
      signatures[field.name.value] = {
        type: name.toLowerCase(),
        arguments: field.arguments.map((it) => ({ name: it.name.value, type: print(it.type) })),
        output_type: print(field.type),
      };
    }
  } else if (node.kind === "ObjectTypeDefinition") custom_types.objects.push({ name, fields: fields(node) });
  else if (node.kind === "InputObjectTypeDefinition") custom_types.input_objects.push({ name, fields: fields(node) });
  else if (node.kind === "ScalarTypeDefinition") custom_types.scalars.push({ name });
  else if (node.kind === "EnumTypeDefinition")
    custom_types.enums.push({ name, values: node.values.map((it) => ({ value: it.name.value })) });
  else throw new Error(`unexpected ${node.kind}`);
}
process.stdout.write(JSON.stringify({ signatures, custom_types }));
