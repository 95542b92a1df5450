import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@gantry/rpc';
import { buildSync } from 'esbuild';
import { permitProcess } from '../../../llb/permit';
import { CacheMounts } from '../../../ops/exec/special/cache-mounts';
import { HiddenFiles } from '../../../ops/exec/special/hidden-files';
import { makeSpecial } from '../../../ops/exec/special/make-special';
import type { SessionGroup } from '../../../session/session';
import { FakeRefs } from '../../../testing/fake-refs';
import { canRun, Rig } from '../../../testing/rig';
import type { Frontend, FrontendBridge, Outcome } from '../../frontend';
import { makeGatewayFrontend } from './make-frontend';

const suite = canRun ? describe : describe.skip;

suite(`frontend image${canRun ? '' : ' [needs a built tree, and root]'}`, () => {
  let rig: Rig;
  let frontend: Frontend;
  let bridge: FrontendBridge;
  let labels: Record<string, string>;

  beforeAll(async () => {
    rig = new Rig();
    await rig.start();
    const program = join(rig.folder, 'frontend.cjs');
    const entry = join(__dirname, '../../../testing/frontend-program.ts');
    buildSync({ entryPoints: [entry], bundle: true, platform: 'node', external: ['koffi'], outfile: program, logLevel: 'error' });
    const refs = new FakeRefs(join(rig.folder, 'refs'));
    mkdirSync(join(rig.folder, 'refs'));
    writeFileSync(join(rig.image, 'etc/hostname'), 'image');
    const host = refs.of('/');
    const image = refs.of(rig.image);
    const outcome = (ref: typeof host): Outcome => ({
      definition: { def: [], metadata: {}, Source: undefined },
      tree: async () => ref.clone(),
    });
    const never = (): never => {
      throw new Error('not asked');
    };
    bridge = {
      resolveSource: never,
      resolveImage: async (_ctx, reference) => ({
        reference,
        digest: `sha256:${'0'.repeat(64)}`,
        config: Buffer.from(JSON.stringify({ config: { Entrypoint: [process.execPath, program], Labels: labels } })),
      }),
      // the frontend's own image is the host's tree, what it solves is the small image
      solve: async (_ctx, { definition }) => ({
        outcomes: new Map([['', outcome(definition?.def.length === 1 ? image : host)]]),
        metadata: new Map(),
        attestations: new Map(),
      }),
      readFile: never,
      readDir: never,
      statFile: never,
      warn: never,
      note: never,
      permit: permitProcess(new Set()),
    };
    const caches = new CacheMounts({ refs, directory: join(rig.folder, 'caches'), logger: silentLogger });
    const special = makeSpecial({ caches, hidden: new HiddenFiles(join(rig.folder, 'hidden')), socketPath: never });
    frontend = makeGatewayFrontend({
      executor: rig.executor(),
      refs,
      mounts: { refs, special },
      directory: join(rig.folder, 'gateway'),
      workers: () => [],
      logger: silentLogger,
    });
  });
  beforeEach(() => {
    labels = {};
  });
  afterAll(() => rig.stop());

  const sessions: SessionGroup = { ids: ['session-1'], any: () => Promise.reject(new Error('not asked')) };
  const solve = (options: Record<string, string>): ReturnType<Frontend['solve']> =>
    frontend.solve(rig.ctx, bridge, new Map(Object.entries({ source: 'example.com/frontend:1', ...options })), new Map(), sessions);

  it('builds what it likes over its stdin and stdout, in containers of its own, too; attack 41: it gets nothing of the host, by no name, and no right that was not given', async () => {
    const { metadata, outcomes } = await solve({ hello: 'a=b' });
    const facts = Object.fromEntries([...metadata].map(([name, value]) => [name, value.toString()]));
    expect(facts).toEqual({
      session: 'session-1',
      option: 'a=b',
      caps: 'true',
      output: '1: got words in /tmp; 2: err; eof 1; eof 2; exit 4 exit code: 4; read image image; GantryError: exit code: 4',
      released:
        'GantryError: context canceled; c:\\Windows\\System32;c:\\Windows;C:\\Windows\\System32\\WindowsPowerShell\\v1.0; context canceled',
      insecure: expect.stringContaining('security.insecure is not allowed'),
      host: expect.stringContaining('network.host is not allowed'),
    });
    expect(outcomes.size).toBe(1);
    expect(readdirSync('/tmp').filter((name) => name.startsWith('climbs'))).toEqual([]);
    expect(rig.mounted().filter((point) => /\/(?:steps|gateway)\//.test(point))).toEqual([]);
  });

  it('fails when the program does, whatever it returned', async () => {
    await expect(solve({ exit: '7' })).rejects.toThrow('exit code: 7');
    await expect(solve({ source: '' })).rejects.toThrow('no source specified for gateway');
  });

  it('must be able to do what the client needs', async () => {
    const asked = { 'frontend.caps': 'moby.buildkit.frontend.subrequests+forward' };
    await expect(solve(asked)).rejects.toThrow('unsupported frontend capability moby.buildkit.frontend.subrequests');
    labels = { 'moby.buildkit.frontend.caps': 'moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests+x' };
    await expect(solve(asked)).resolves.toBeDefined();
  });
});
