import { HostConfig, ContainerConfig } from '@gantry/api/gantry/engine/v1/types';
import { planMounts } from './mounts';

const plan = async (host: object, topOnly = false): Promise<unknown[][]> =>
  (
    await planMounts(HostConfig.fromPartial(host), ContainerConfig.create(), {
      find: () => {
        throw new Error('no container');
      },
      exists: async () => true,
      topOnly,
      engineRoot: '/var/lib/engine',
      leave: async () => undefined,
    })
  ).map(({ record }) => [record.source, record.propagation, record.readOnlyNonRecursive]);
const bind = (Source: string, Propagation = ''): object => ({
  Mounts: [{ Type: 'bind', Source, Target: '/x', BindOptions: { Propagation } }],
});

test.each(['/', '/var', '/var/lib/engine', '/var/lib/engine/volumes'])(
  'a bind of %s lets go of what the engine unmounts',
  async (source) => {
    expect(await plan({ Binds: [`${source}:/x`] })).toEqual([[source, 'rslave', false]]);
    expect(await plan(bind(source))).toEqual([[source, 'rslave', false]]);
    expect(await plan(bind(source, 'rshared'))).toEqual([[source, 'rshared', false]]);
    for (const asked of ['private', 'rprivate', 'slave', 'shared']) {
      const refusal = `must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: "/var/lib/engine", bind mount source: "${source}", propagation: "${asked}"`;
      await expect(plan({ Binds: [`${source}:/x:${asked}`] })).rejects.toThrow(refusal);
      await expect(plan(bind(source, asked))).rejects.toThrow(refusal);
    }
  },
);

test('a bind of anything else is private, and read-only at its top alone for clients that know no more', async () => {
  expect(await plan({ Binds: ['/srv:/x'] })).toEqual([['/srv', 'rprivate', false]]);
  expect(await plan({ Binds: ['/srv:/x:ro,slave'] }, true)).toEqual([['/srv', 'slave', true]]);
});
