import { Op, type Platform } from '@gantry/api/pb/ops';
import { exec, plainExec } from './exec';
import { file } from './file';
import { given } from './given';
import type { Output, Tree } from './graph';
import { diff, merge } from './layers';
import { marshal } from './marshal';
import { image, local } from './sources';

const platform: Platform = { OS: 'linux', Architecture: 'amd64', Variant: '', OSVersion: '', OSFeatures: [] };
const write = (tree: Tree) => marshal(tree, { platform });
const ops = (tree: Tree) => write(tree).def.map((bytes) => Op.decode(bytes));
const busybox = () => image('docker.io/library/busybox:latest', { name: 'FROM busybox' });
const mkdir = (base: Tree, path: string): Output => file(base, [{ kind: 'mkdir', path, mode: 0o755, parents: true }], {});

test('scratch is a definition without ops', () => {
  expect(write(undefined).def).toEqual([]);
  expect(ops(() => undefined)).toEqual([]);
});

test('the same graph gives the same bytes, each vertex once, inputs first', () => {
  const make = (): Tree => {
    const base = busybox();
    return merge([mkdir(base, '/a'), mkdir(busybox(), '/b'), mkdir(base, '/a')], {});
  };
  const first = write(make());
  expect(first).toEqual(write(make()));
  expect(ops(make()).map((op) => Object.keys(op).filter((key) => ['source', 'file', 'merge'].includes(key) && op[key as 'file']))).toEqual([
    ['source'],
    ['file'],
    ['file'],
    ['merge'],
    [],
  ]);
  expect(ops(make())[3]?.inputs).toHaveLength(2);
  expect(ops(make())[3]?.merge?.inputs).toEqual([{ input: 0n }, { input: 1n }, { input: 0n }]);
});

test('attributes are written in the order of their names, whatever order they are given in', () => {
  const [op] = ops(local('context', { sharedKey: 'k', sessionId: 's', excludes: ['b'], followPaths: ['a'], noCompare: true }, {}));
  expect(Object.keys(op?.source?.attrs ?? {})).toEqual([
    'local.differ',
    'local.excludepatterns',
    'local.followpaths',
    'local.session',
    'local.sharedkeyhint',
  ]);
});

test('a tree that is known late is asked when the definition is written', () => {
  let late: Tree;
  const copied = file(busybox(), [{ kind: 'copy', from: () => late, source: '/', dest: '/', createDest: true }], {});
  late = local('context', { sharedKey: 'k', sessionId: 's' }, {});
  expect(ops(copied)[1]?.source?.identifier).toBe('local://context');
});

test('a graph of twenty thousand steps needs no deep stack', () => {
  let tree: Tree = busybox();
  for (let step = 0; step < 20_000; step++) tree = mkdir(tree, `/d${step}`);
  expect(write(tree).def).toHaveLength(20_002);
});

test('only steps and images are for a platform', () => {
  const ran = exec({ ...plainExec, root: mkdir(busybox(), '/a'), args: ['true'] }, {});
  expect(ops(ran.root).map((op) => op.platform?.Architecture)).toEqual(['amd64', undefined, 'amd64', undefined]);
});

test('mounts: outputs are counted in the order of the targets; what is read-only, thrown away or a cache has none', () => {
  const ran = exec(
    {
      ...plainExec,
      root: busybox(),
      args: ['true'],
      mounts: [
        { kind: 'bind', target: '/z', tree: undefined },
        { kind: 'bind', target: '/ro', tree: busybox(), readonly: true, selector: '/s' },
        { kind: 'bind', target: '/rw', tree: busybox(), discard: true },
        { kind: 'cache', target: '/c', tree: undefined, cache: { id: 'i', sharing: 'locked' } },
        { kind: 'tmpfs', target: '/t', tree: undefined, size: 9n },
      ],
      secrets: [{ id: 's', target: '/secret', env: 'S', uid: 1, gid: 2, mode: 0o400, optional: true }],
      ssh: [{ id: 'default', uid: 0, gid: 0, mode: 0o600, optional: false }],
    },
    {},
  );
  const op = ops(ran.at('/z'))[1];
  expect(op?.exec?.mounts.map(({ dest, input, output }) => [dest, Number(input), Number(output)])).toEqual([
    ['/', 0, 0],
    ['/c', -1, -1],
    ['/ro', 0, -1],
    ['/rw', 0, -1],
    ['/t', -1, -1],
    ['/z', -1, 1],
    ['/secret', -1, 0],
    ['/run/buildkit/ssh_agent.0', -1, 0],
  ]);
  expect(op?.exec?.secretenv).toEqual([{ ID: 's', name: 'S', optional: true }]);
  expect(op?.exec?.meta?.env).toEqual(['SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0']);
  expect(ops(ran.at('/z')).at(-1)?.inputs[0]?.index).toBe(1n);
});

test('a definition from outside keeps its bytes, its names and its places', () => {
  const source = { filename: 'f', data: Buffer.from('x'), language: 'l', definition: undefined };
  const tree = file(busybox(), [{ kind: 'mkfile', path: '/f', mode: 0o644, data: Buffer.from('x') }], {
    name: 'a name',
    ignoreCache: true,
    group: { id: 'g', name: 'group', weak: false },
    locations: [{ source, ranges: [{ start: { line: 1, character: 0 }, end: { line: 1, character: 0 } }] }],
  });
  const definition = write(tree);
  expect(write(given(definition))).toEqual(definition);
  expect(given({ def: [], metadata: {}, Source: undefined })).toBeUndefined();
});

test('diff and merge of nothing', () => {
  const tree = busybox();
  expect(diff(undefined, tree, {})).toBe(tree);
  expect(merge([undefined, tree], {})).toBe(tree);
  expect(merge([undefined], {})).toBeUndefined();
  expect(ops(diff(tree, mkdir(tree, '/a'), {}))[2]?.diff).toEqual({ lower: { input: 0n }, upper: { input: 1n } });
});
