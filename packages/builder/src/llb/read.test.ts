import { Definition, MountType, Op } from '@gantry/api/pb/ops';
import { sha256 } from '@gantry/oci';
import { readDefinition } from './read';
import { verticesOf } from './vertex';

type Partial = Parameters<typeof Op.fromPartial>[0];

const encode = (op: Partial): Buffer => Buffer.from(Op.encode(Op.fromPartial(op)).finish());
const base = encode({ source: { identifier: 'docker-image://busybox', attrs: {} } });
const baseDigest = sha256(base);

/** A definition that ends in the last op given. */
function ending(...ops: readonly Buffer[]): Definition {
  const last = ops.at(-1) ?? Buffer.alloc(0);
  return Definition.fromPartial({ def: [...ops, encode({ inputs: [{ digest: sha256(last), index: 0n }] })] });
}

const exec = (more: Partial = {}): Partial => ({
  inputs: [{ digest: baseDigest, index: 0n }],
  exec: { meta: { args: ['true'] }, mounts: [{ input: 0n, dest: '/', output: 0n }] },
  ...more,
});

it('reads vertices with names, platform, metadata; the empty definition is scratch', async () => {
  const step = encode(exec({ platform: { OS: 'linux', Architecture: 'aarch64', Variant: 'v8' } }));
  const definition = ending(base, step);
  definition.metadata[sha256(step)] = {
    ignoreCache: true,
    description: { 'llb.customname': '[1/1] RUN true' },
    exportCache: { Value: false },
    caps: { 'exec.meta.base': true },
    progressGroup: { id: 'g', name: 'group', weak: false },
    linuxResources: undefined,
  };
  const edge = await readDefinition(definition);
  expect(edge?.vertex).toMatchObject({
    digest: sha256(step),
    name: '[1/1] RUN true',
    ignoreCache: true,
    exportCache: false,
    progressGroup: { id: 'g' },
    op: { platform: { OS: 'linux', Architecture: 'arm64', Variant: '' } },
  });
  expect(verticesOf(edge).map(({ name }) => name)).toEqual(['docker-image://busybox', '[1/1] RUN true']);
  expect(await readDefinition(Definition.fromPartial({}))).toBeUndefined();
  expect(await readDefinition(undefined)).toBeUndefined();
});

const file = (action: object, inputs = 1): Partial => ({
  inputs: Array.from({ length: inputs }, () => ({ digest: baseDigest, index: 0n })),
  file: { actions: [action] },
});

describe('attack 44: a malformed definition is refused', () => {
  it.each<[string, () => Definition, RegExp]>([
    ['bytes that are no op', () => ending(Buffer.from([0xff, 0xff, 0xff])), /failed to parse llb proto op/],
    ['one op', () => Definition.fromPartial({ def: [base] }), /invalid LLB with 1 vertexes/],
    ['a last op without inputs', () => Definition.fromPartial({ def: [base, encode({})] }), /no inputs on last vertex/],
    [
      'an input that is not there',
      () => ending(base, encode(exec({ inputs: [{ digest: sha256('x'), index: 0n }] }))),
      /missing input digest sha256/,
    ],
    [
      'an output below zero',
      () => Definition.fromPartial({ def: [base, encode({ inputs: [{ digest: baseDigest, index: -1n }] })] }),
      /invalid output index -1/,
    ],
    ['an input index below zero', () => ending(base, encode(exec({ inputs: [{ digest: baseDigest, index: -5n }] }))), /invalid index -5/],
    ['an op of no kind in the middle', () => ending(base, encode({ inputs: [{ digest: baseDigest, index: 0n }] })), /invalid nil op/],
    ['exec without meta', () => ending(base, encode(exec({ exec: { mounts: [{ dest: '/' }] } }))), /no meta/],
    ['exec without arguments', () => ending(base, encode(exec({ exec: { meta: {}, mounts: [{ dest: '/' }] } }))), /no args/],
    ['exec without mounts', () => ending(base, encode(exec({ exec: { meta: { args: ['a'] } } }))), /no mounts/],
    ['exec without a root', () => ending(base, encode(exec({ exec: { meta: { args: ['a'] }, mounts: [{ dest: '/x' }] } }))), /no rootfs/],
    [
      'a mount of an input that is not there',
      () => ending(base, encode(exec({ exec: { meta: { args: ['a'] }, mounts: [{ dest: '/', input: 1n }] } }))),
      /input index 1 out of range/,
    ],
    [
      'a mount of an input far below',
      () => ending(base, encode(exec({ exec: { meta: { args: ['a'] }, mounts: [{ dest: '/', input: -7n }] } }))),
      /input index -7 out of range/,
    ],
    [
      'a mount of a huge output',
      () => ending(base, encode(exec({ exec: { meta: { args: ['a'] }, mounts: [{ dest: '/', output: 2n ** 62n }] } }))),
      /output index/,
    ],
    ['a file op without actions', () => ending(base, encode({ inputs: [{ digest: baseDigest, index: 0n }], file: {} })), /no actions/],
    ['a file action of no kind', () => ending(base, encode(file({}))), /unknown kind/],
    [
      'a file action on a later one',
      () => ending(base, encode(file({ input: 1n, secondaryInput: -1n, output: 0n, rm: { path: '/x' } }))),
      /invalid input index 1/,
    ],
    [
      'a user of an input that is not there',
      () =>
        ending(
          base,
          encode(
            file({
              input: 0n,
              secondaryInput: -1n,
              output: 0n,
              mkdir: { path: '/x', owner: { user: { byName: { name: 'u', input: 9n } } } },
            }),
          ),
        ),
      /invalid input index 9/,
    ],
    [
      'no outputs',
      () => ending(base, encode(file({ input: 0n, secondaryInput: -1n, output: -1n, mkdir: { path: '/x' } }))),
      /no outputs specified/,
    ],
    [
      'a merge of what is not there',
      () => ending(base, encode({ inputs: [{ digest: baseDigest, index: 0n }], merge: { inputs: [{ input: 3n }] } })),
      /merge op: input index 3/,
    ],
    [
      'a diff without a side',
      () => ending(base, encode({ inputs: [{ digest: baseDigest, index: 0n }], diff: { lower: { input: -1n } } })),
      /nil input/,
    ],
    [
      'a build of what is not there',
      () =>
        ending(
          base,
          encode({
            inputs: [{ digest: baseDigest, index: 0n }],
            build: { builder: -1n, inputs: { 'buildkit.llb.definition': { input: 2n } } },
          }),
        ),
      /input index 2/,
    ],
    [
      'an unknown kind of op',
      () => ending(base, encode({ inputs: [{ digest: baseDigest, index: 0n }], passthrough: { id: 'x' } })),
      /passthrough is not supported/,
    ],
  ])('%s', async (_, definition, message) => {
    await expect(readDefinition(definition())).rejects.toMatchObject({
      kind: 'invalidArgument',
      message: expect.stringMatching(message) as string,
    });
  });

  it('a capability that nobody knows', async () => {
    const definition = ending(base);
    definition.metadata[baseDigest] = {
      ignoreCache: false,
      description: {},
      exportCache: undefined,
      caps: { 'exec.teleport': true },
      progressGroup: undefined,
      linuxResources: undefined,
    };
    await expect(readDefinition(definition)).rejects.toMatchObject({
      kind: 'invalidArgument',
      message: expect.stringContaining('exec.teleport') as string,
    });
  });

  it('names that would grow without end, and a chain of a hundred thousand steps', async () => {
    const ops = [base];
    for (let i = 0; i < 100; i++) {
      const digest = sha256(ops.at(-1) ?? base);
      ops.push(encode({ inputs: [0n, 0n].map((index) => ({ digest, index })), merge: { inputs: [{ input: 0n }, { input: 1n }] } }));
    }
    expect((await readDefinition(ending(...ops)))?.vertex.name.length).toBeLessThanOrEqual(1000);
    const chain = [base];
    for (let i = 0; i < 100_000; i++) chain.push(encode({ ...exec(), inputs: [{ digest: sha256(chain.at(-1) ?? base), index: 0n }] }));
    expect(verticesOf(await readDefinition(ending(...chain)))).toHaveLength(100_001);
  });
});

it('a source that a policy changed has another digest, and what stands on it; clients still know them by their own', async () => {
  const step = encode(exec());
  const edge = await readDefinition(ending(base, step), {
    policy: (source) => {
      if (!source.identifier.endsWith('busybox')) return false;
      source.identifier = 'docker-image://busybox@sha256:1';
      return true;
    },
  });
  expect(edge?.vertex.origin).toBe(sha256(step));
  expect(edge?.vertex.digest).not.toBe(sha256(step));
  expect(edge?.vertex.inputs[0]?.vertex).toMatchObject({ name: 'docker-image://busybox@sha256:1', origin: baseDigest });
});

it('takes secrets and agents whose output was left at 0, as clients write them', async () => {
  const mounts = [
    { input: 0n, dest: '/', output: 0n },
    { input: -1n, dest: '/s', mountType: MountType.SECRET, secretOpt: { ID: 's' } },
    { input: -1n, dest: '/a', mountType: MountType.SSH, SSHOpt: { ID: 'default' } },
  ];
  expect(await readDefinition(ending(base, encode(exec({ exec: { meta: { args: ['true'] }, mounts } }))))).toBeDefined();
});
