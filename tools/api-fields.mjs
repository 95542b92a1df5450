// The messages of gantry/engine/v1/types.proto as tables for @gantry/docker-api: member → what it holds, in the order of the file.
//   string bool int64 uint32 …   a scalar
//   Message                      an object, which may be absent
//   ?X                           X that may be absent
//   []X  {}X                     a list of X, a map from string to X
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const FILE = 'gantry/engine/v1/types';

function scalarName(scalar) {
  const names = { 3: 'int64', 4: 'uint64', 5: 'int32', 8: 'bool', 9: 'string', 13: 'uint32' };
  if (names[scalar] === undefined) throw new Error(`${FILE}: a scalar of type ${scalar} has no JSON form here`);
  return names[scalar];
}

function kindOf(field) {
  switch (field.fieldKind) {
    case 'scalar':
      return `${field.proto.proto3Optional ? '?' : ''}${scalarName(field.scalar)}`;
    case 'message':
      return field.message.name;
    case 'list':
      return `[]${field.listKind === 'message' ? field.message.name : scalarName(field.scalar)}`;
    case 'map':
      return `{}${field.mapKind === 'message' ? field.message.name : scalarName(field.scalar)}`;
    default:
      throw new Error(`${FILE}: ${field} has no JSON form here`);
  }
}

/** TypeScript out of the bytes of a FileDescriptorSet. */
export function fieldTables(set) {
  const file = createFileRegistry(fromBinary(FileDescriptorSetSchema, set)).getFile(`${FILE}.proto`);
  const messages = file.messages.map(({ name, fields }) => ({
    name,
    members: fields.map((field) => `    ${JSON.stringify(field.jsonName)}: '${kindOf(field)}',`),
  }));
  return [
    `import type { ${messages.map(({ name }) => name).join(', ')} } from './${FILE}';`,
    '',
    'export interface Messages {',
    ...messages.map(({ name }) => `  ${name}: ${name};`),
    '}',
    '',
    'export const fieldTables: { readonly [M in keyof Messages]: { readonly [F in keyof Messages[M]]-?: string } } = {',
    ...messages.flatMap(({ name, members }) => [`  ${name}: {`, ...members, '  },']),
    '};',
    '',
  ].join('\n');
}
