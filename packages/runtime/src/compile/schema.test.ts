/** Every field of the specification's schema: its value changes what is done, or the field is refused by its name. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Spec } from '@gantry/oci';
import { settingsV1 } from '../cgroup/limits-v1';
import { settingsV2 } from '../cgroup/limits-v2';
import { schemaFields } from '../testing/schema-fields';
import { setField, wholeSpec, type Json } from '../testing/whole-spec';
import { createOperations } from './create';
import { compileExec } from './exec';
import { honouredSpec, type Honoured } from './refuse';

const text = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'bigint' ? String(inner) : inner instanceof Uint8Array ? Buffer.from(inner).toString('hex') : inner,
  );

/** Everything that is made of a config.json: the plan, the limits, the plan of an exec, or what is refused. */
function outcome(spec: Spec): string[] {
  const parts: (() => unknown)[] = [
    () => {
      const { list, namespaces } = createOperations(spec, { id: 'c', bundle: '/bundle', labels: { apparmor: true, selinux: true } });
      return [list, namespaces.cloneFlags];
    },
    () => settingsV1(spec.linux!.resources!, { devices: true }),
    () => settingsV2(spec.linux!.resources!),
    () => compileExec(spec.process!, { pid: 1, startTime: 1n, spec }, { id: 'c', labels: { apparmor: true, selinux: true } }).plan,
  ];
  return parts.map((part) => {
    try {
      return text(part());
    } catch (error) {
      return `refused: ${(error as Error).message}`;
    }
  });
}

/** Honoured elsewhere, and by which test that is seen; or without a choice, and why. */
const elsewhere: Readonly<Record<string, string>> = {
  'hooks.poststart': 'run by start: flags.test.ts',
  'hooks.poststop': 'run by delete: flags.test.ts',
  'process.consoleSize': "the terminal's first size, given to the C program beside the plan: run.test.ts",
  'linux.cgroupsPath': 'where the cgroup plan is made: cli.test.ts, manager.test.ts',
  'linux.resources.memory.useHierarchy': 'every kernel since 5.11 accounts hierarchically, and nothing else',
  'linux.resources.memory.checkBeforeUpdate': 'asked by update on cgroup v2: cli.test.ts',
};
const seenElsewhere = (path: string): boolean => Object.keys(elsewhere).some((prefix) => path.startsWith(prefix));

/** Refused whatever the value. */
const refused = [
  'process.commandLine',
  'process.user.username',
  'linux.intelRdt',
  'linux.personality.flags',
  'solaris',
  'windows',
  'vm',
  'zos',
  'freebsd',
];
/** The kernel has no such thing on version 2 of the cgroups: refused there. */
const onlyVersion1 =
  /^linux\.resources\.(cpu\.realtime|memory\.(kernel|swappiness|disableOOMKiller)|blockIO\.(leafWeight|weightDevice\[\]\.leafWeight)|network)/;

test.each(schemaFields.filter(([path]) => !seenElsewhere(path)))('%s changes something or is refused by its name', (path, one, other) => {
  const [first = [], second = []] = [one, other].map((value) => outcome(setField(wholeSpec(path), path, value)));
  const name = refused.find(
    (field) => path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`) || path.startsWith(`${field}{`),
  );
  if (name !== undefined) return expect(second[0]).toBe(`refused: config.json: ${name} is not supported`);
  expect([first === second, text(first) === text(second)]).toEqual([false, false]);
  const field = path
    .replace(/[[{].*/, '')
    .split('.')
    .slice(0, onlyVersion1.test(path) ? 3 : 99)
    .join('.');
  for (const part of second.filter((line) => line.startsWith('refused')))
    expect([onlyVersion1.test(path), part]).toEqual([true, expect.stringContaining(field)]);
});

test('the runtime knows these fields and no others', () => {
  const known: string[] = [];
  const walk = (honoured: Honoured, path: string): void => {
    if (typeof honoured === 'boolean' || typeof honoured === 'string') known.push(path);
    else if (Array.isArray(honoured)) walk(honoured[0] as Honoured, `${path}[]`);
    else
      for (const [name, inner] of Object.entries(honoured))
        walk(inner as Honoured, name === '{}' ? `${path}{}` : path === '' ? name : `${path}.${name}`);
  };
  walk(honouredSpec, '');
  const beyond = known.filter(
    (path) =>
      !schemaFields.some(
        ([field]) =>
          field === path ||
          field === `${path}[]` ||
          field.startsWith(`${path}.`) ||
          field.startsWith(`${path}{}`) ||
          field.startsWith(`${path}[]`),
      ),
  );
  /* Of older versions of the specification: refused. */
  expect(beyond).toEqual(['linux.resources.oomScoreAdj']);
  const unknown = schemaFields
    .map(([path]) => path)
    .filter(
      (path) =>
        !known.some(
          (field) => path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[]`) || path.startsWith(`${field}{}`),
        ),
    );
  expect(unknown).toEqual([]);
});

const folder = process.env['OCI_RUNTIME_SPEC'] ?? '';

(existsSync(folder) ? test : test.skip)(`the list is the schema's${existsSync(folder) ? '' : ' [needs OCI_RUNTIME_SPEC]'}`, () => {
  expect(schemaFields.map(([path]) => path).sort()).toEqual([...new Set(leaves(folder, 'config-schema.json'))].sort());
});

/** Paths of all leaves of a JSON schema whose references are files beside it; other systems' parts as one leaf each. */
function leaves(directory: string, file: string): string[] {
  const read = (name: string): Json => JSON.parse(readFileSync(join(directory, name), 'utf8')) as Json;
  const walk = (where: string, node: Json, path: string): string[] => {
    if (typeof node['$ref'] === 'string') {
      const [name = '', pointer = ''] = node['$ref'].split('#');
      if (/solaris|windows|vm|zos|freebsd/.test(name)) return [path];
      const target = pointer
        .split('/')
        .filter(Boolean)
        .reduce<Json>((at, step) => at[step] as Json, read(name || where));
      return walk(name || where, target, path);
    }
    if (node['properties'])
      return Object.entries(node['properties'] as Json).flatMap(([name, inner]) =>
        walk(where, inner as Json, path ? `${path}.${name}` : name),
      );
    const either = (node['allOf'] ?? node['oneOf'] ?? node['anyOf']) as Json[] | undefined;
    if (either) return either.flatMap((inner) => walk(where, inner, path));
    if (node['type'] === 'array' && node['items']) return walk(where, node['items'] as Json, `${path}[]`);
    const members = node['patternProperties']
      ? Object.values(node['patternProperties'] as Json)
      : typeof node['additionalProperties'] === 'object'
        ? [node['additionalProperties']]
        : [];
    return members.length ? members.flatMap((inner) => walk(where, inner as Json, `${path}{}`)) : [path];
  };
  return walk(file, read(file), '');
}
