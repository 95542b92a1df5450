import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { SecretsService } from '@gantry/api/moby/buildkit/secrets/v1/secrets';
import { type BytesMessage, SSHService } from '@gantry/api/moby/sshforward/v1/ssh';
import { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { CacheSharingOpt, type ExecOp, MountType } from '@gantry/api/pb/ops';
import { cancelled, derive, detailsOf, failedPrecondition, notFound, notImplemented, pause, silentLogger } from '@gantry/rpc';
import type { Ref } from '../../refs/ref';
import type { Session, SessionGroup } from '../../session/session';
import type { StepContext } from '../../solver/op';
import { execDefinition, mountOf, special } from '../../testing/definitions';
import { FakeRefs } from '../../testing/fake-refs';
import { canRun, Rig } from '../../testing/rig';
import { execFailureOf } from './failure';
import { leftBy, takeLeft } from '../../failure/left-trees';
import { makeExecOp } from './make-exec-op';
import { CacheMounts } from './special/cache-mounts';
import { HiddenFiles } from './special/hidden-files';
import { makeSpecial } from './special/make-special';
import { STEP_WISHES } from './step-wishes';

const suite = canRun ? describe : describe.skip;
const about = { digest: 'sha256:x', name: '', inputs: 1, platform: undefined, description: {} };

suite(`exec op${canRun ? '' : ' [needs a built tree, and root]'}`, () => {
  let rig: Rig;
  let refs: FakeRefs;
  let base: Ref;
  let logs: string;
  let needs: Parameters<typeof makeExecOp>[0];
  let make: ReturnType<typeof makeExecOp>;

  beforeAll(async () => {
    rig = new Rig();
    await rig.start();
    refs = new FakeRefs(rig.folder);
    base = refs.of(rig.image);
    const caches = new CacheMounts({ refs, directory: join(rig.folder, 'caches'), logger: silentLogger });
    const hidden = new HiddenFiles(join(rig.folder, 'hidden'));
    let sockets = 0;
    const socketPath = (): string => join(rig.folder, `ssh${sockets++}`);
    needs = { refs, executor: rig.executor(), special: makeSpecial({ caches, hidden, socketPath }) };
    make = makeExecOp(needs);
  });
  beforeEach(() => {
    logs = '';
  });
  afterAll(() => rig.stop());

  const context = (change: Partial<StepContext> = {}): StepContext => ({
    call: rig.ctx,
    sessions: nobody,
    progress: { log: (_stream, data) => void (logs += data.toString()), status: () => undefined, warn: () => undefined },
    hold: () => undefined,
    ignoreCache: false,
    ...change,
  });
  type Change = Partial<Omit<ExecOp, 'meta'>> & { meta?: Partial<NonNullable<ExecOp['meta']>>; inputs?: readonly (Ref | undefined)[] };
  const run = (
    script: string,
    { meta, inputs = [base], mounts = [], ...change }: Change = {},
    step = context(),
  ): Promise<readonly (Ref | undefined)[]> => {
    const definition = execDefinition(
      { mounts: [mountOf(), ...mounts], ...change },
      { args: ['sh', '-c', script], ...meta },
      inputs.length,
    );
    return make(definition, about).run(step, inputs);
  };

  it('gives a tree that the next step stands on', async () => {
    const [first] = await run('echo one > /a');
    const [second] = await run('cat /a; echo two > /b', { inputs: [first] });
    expect(logs).toBe('one\n');
    expect(readdirSync(refs.top(second)).filter((name) => name !== 'etc')).toEqual(['b']);
    expect(refs.descriptions.at(-1)).toBe('mount / from exec sh -c cat /a; echo two > /b');
  });

  it('fails with the exit code, and with the trees as they are', async () => {
    const error: unknown = await run('echo left > /left; exit 3').catch((thrown: unknown) => thrown);
    expect(String(error)).toBe('GantryError: process "sh -c echo left > /left; exit 3" did not complete successfully: exit code: 3');
    expect(detailsOf(error).map(({ typeUrl, value }) => [typeUrl, value.toString()])).toEqual([
      ['github.com/moby/buildkit/gatewayapi.ExitMessage+json', '{"Code":3}'],
    ]);
    const failure = execFailureOf(error);
    expect(failure?.exitCode).toBe(3);
    expect(readFileSync(join(refs.top(failure?.mounts[0]), 'left'), 'utf8')).toBe('left\n');
    expect(failure?.inputs.map((ref) => ref?.id)).toEqual([base.id]);
    for (const ref of takeLeft(error)) ref.release();
    expect(refs.held.get(failure?.mounts[0]?.id ?? '')).toBe(0);
    expect(refs.held.get(base.id)).toBe(1);
    await expect(run('exit 3', { meta: { validExitCodes: [3, 4] } })).resolves.toHaveLength(1);
    await expect(run('exit 0', { meta: { validExitCodes: [3, 4] } })).rejects.toThrow('exit code: 0');
  });

  it('leaves its trees also where a mount could not be made, or the process not be run', async () => {
    const files = refs.of(rig.image);
    const before = refs.held.get(base.id);
    const shown = [mountOf({ input: 1n, output: -1n, dest: '/m', readonly: true }), special({ dest: '/scratch' })];
    const failed = async (change: Change): Promise<unknown> =>
      run('true', { inputs: [base, files], ...change }).catch((thrown: unknown) => thrown);
    const unmade: unknown = await failed({ mounts: [...shown, secret('gone')] });
    expect(String(unmade)).toContain('no active sessions');
    const ids = (held: readonly (Ref | undefined)[] | undefined) => held?.map((ref) => ref?.id);
    const given = [base.id, files.id, undefined];
    expect([ids(leftBy(unmade)?.inputs), ids(leftBy(unmade)?.mounts)]).toEqual([
      [...given, undefined],
      [...given, undefined],
    ]);
    const unrun: unknown = await failed({ mounts: shown, meta: { user: 'nobody-here' } });
    expect([String(unrun), execFailureOf(unrun)]).toEqual([expect.stringContaining('unable to find user nobody-here'), undefined]);
    expect([ids(leftBy(unrun)?.inputs), leftBy(unrun)?.mounts[1]?.id]).toEqual([given, files.id]);
    expect(leftBy(unrun)?.mounts.map((ref) => ref !== undefined)).toEqual([true, true, true]);
    expect(leftBy(unrun)?.mounts[0]?.id).not.toBe(base.id);
    for (const ref of [unmade, unrun].flatMap(takeLeft)) ref.release();
    expect([refs.held.get(base.id), refs.held.get(files.id)]).toEqual([before, 1]);
    files.release();
  });

  it('has the limits that its build wants of it under a name of this process, and those that docker refuses are refused', async () => {
    const wants = (limits: Parameters<typeof HostConfig.fromPartial>[0]) => ({ limits: HostConfig.fromPartial(limits) });
    const wishes = new Map([
      ['some', wants({ Memory: 64n << 20n })],
      ['little', wants({ Memory: 1n })],
    ]);
    const limited = (name: string): Promise<unknown> => {
      const script = 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max';
      const definition = execDefinition({ mounts: [mountOf()] }, { args: ['sh', '-c', script] }, 1);
      return makeExecOp({ ...needs, wishes })(definition, { ...about, description: { [STEP_WISHES]: name } }).run(context(), [base]);
    };
    await limited('some');
    expect(logs).toBe(`${64 << 20}\n`);
    await expect(limited('little')).rejects.toThrow('Minimum memory limit allowed is 6MB');
    await limited('of a client');
    expect(logs.split('\n')[1]).not.toBe(`${64 << 20}`);
  });

  it('is tried where the platform has no emulator, and says so when it fails', async () => {
    const emulation = async (): Promise<{ mounts: []; missing: string }> => ({ mounts: [], missing: 'no emulator' });
    const tried = (...args: string[]): Promise<unknown> =>
      makeExecOp({ ...needs, emulation })(execDefinition({ mounts: [mountOf()] }, { args }, 1), about).run(context(), [base]);
    await expect(tried('true')).resolves.toHaveLength(1);
    const error: unknown = await tried('sh', '-c', 'exit 3').catch((thrown: unknown) => thrown);
    expect(String(error)).toBe('GantryError: no emulator: process "sh -c exit 3" did not complete successfully: exit code: 3');
    expect(detailsOf(error)).toHaveLength(1);
    for (const ref of takeLeft(error)) ref.release();
  });

  it('shows other trees: what is written to them is dropped, unless it is an outcome', async () => {
    const folder = join(rig.folder, 'other');
    mkdirSync(join(folder, 'part'), { recursive: true });
    writeFileSync(join(folder, 'part/file'), 'x');
    const other = refs.of(folder);
    const mount = (change: Partial<ExecOp['mounts'][number]>): ExecOp['mounts'] => [
      mountOf({ input: 1n, output: -1n, dest: '/m', ...change }),
    ];
    await run('cat /m/part/file; echo y > /m/part/file; cat /m/part/file', { inputs: [base, other], mounts: mount({}) });
    expect(logs).toBe('xy\n');
    expect(readFileSync(join(folder, 'part/file'), 'utf8')).toBe('x');
    await run('cat /m/file; (echo z > /m/file) 2>/dev/null || echo refused', {
      inputs: [base, other],
      mounts: mount({ selector: 'part', readonly: true }),
    });
    expect(logs).toBe('xy\nxrefused\n');
    const [, written] = await run('echo new > /m/new', { inputs: [base, other], mounts: mount({ output: 1n }) });
    expect(readdirSync(refs.top(written))).toEqual(['new']);
    const [, same] = await run('true', { inputs: [base, other], mounts: mount({ output: 1n, readonly: true }) });
    expect(same?.id).toBe(other.id);
    const [, scratch] = await run('echo s > /m/s', { mounts: [special({ output: 1n, dest: '/m' })] });
    expect(readdirSync(refs.top(scratch))).toEqual(['s']);
    const [relative] = await run('cat /work/r/part/file', {
      meta: { cwd: '/work' },
      inputs: [base, other],
      mounts: mount({ dest: 'r', readonly: true }),
    });
    expect(existsSync(join(refs.top(relative), 'work/r'))).toBe(false);
  });

  const cache = (id: string, sharing: CacheSharingOpt, change = {}): ExecOp['mounts'][number] =>
    special({ mountType: MountType.CACHE, dest: '/c', cacheOpt: { ID: id, sharing }, ...change });

  it('keeps what is written to a cache, and shares it as it is told to', async () => {
    const { SHARED, PRIVATE, LOCKED } = CacheSharingOpt;
    await run('echo kept > /c/f', { mounts: [cache('s', SHARED)] });
    await run('cat /c/f', { mounts: [cache('s', SHARED)] });
    expect(logs).toBe('kept\n');
    const together = 'echo x >> /c/n; while test $(cat /c/n | wc -l) -lt 2; do sleep 0.02; done';
    await Promise.all([run(together, { mounts: [cache('t', SHARED)] }), run(together, { mounts: [cache('t', SHARED)] })]);
    expect(refs.cachesOf('t')).toBe(1);
    const alone = 'test ! -e /c/on || exit 1; touch /c/on; sleep 0.3; rm /c/on';
    await Promise.all([1, 2, 3].map(() => run(alone, { mounts: [cache('l', LOCKED)] })));
    expect(refs.cachesOf('l')).toBe(1);
    await Promise.all([1, 2].map(() => run(alone, { mounts: [cache('p', PRIVATE)] })));
    expect(refs.cachesOf('p')).toBe(2);
    await run('echo y > /c/y; cat /d/y', { mounts: [cache('twice', LOCKED), cache('twice', LOCKED, { dest: '/d' })] });
    expect(refs.cachesOf('twice')).toBe(1);
  });

  it('begins a cache with the tree that it is made from, also for two at once', async () => {
    const folder = join(rig.folder, 'seed');
    mkdirSync(folder);
    writeFileSync(join(folder, 'seed'), 'seed');
    const seed = refs.of(folder);
    const mounts = [cache('b', CacheSharingOpt.SHARED, { input: 1n })];
    const together = 'cat /c/seed; echo x >> /c/n; while test $(cat /c/n | wc -l) -lt 2; do sleep 0.02; done';
    await Promise.all([1, 2].map(() => run(together, { inputs: [base, seed], mounts })));
    expect(logs).toBe('seedseed');
    expect(rig.mounted().filter((point) => point.includes('/caches'))).toEqual([]);
  });

  it('reaches nothing outside a cache by links that a step left in it', async () => {
    const outside = join(rig.folder, 'host');
    mkdirSync(join(outside, 'sub'), { recursive: true });
    writeFileSync(join(outside, 'sub/secret'), 'host');
    await run(`ln -s ${outside}/sub /c/sub; ln -s ../../../../../..${outside}/sub /c/up`, {
      mounts: [cache('evil', CacheSharingOpt.SHARED)],
    });
    for (const selector of ['sub', 'up', 'sub/secret', `../../../../..${outside}/sub`]) {
      const step = run('cat /c/secret /c', { mounts: [cache('evil', CacheSharingOpt.SHARED, { selector })] });
      await expect(step).rejects.toThrow(`failed to mount /c: "${selector}": not found`);
    }
    symlinkSync(outside, join(rig.folder, 'link'));
    expect(readdirSync(join(outside, 'sub'))).toEqual(['secret']);
  });

  it('attack 42: a cache by a name that climbs is a cache like any other, and a part of one that is exchanged meanwhile is never of the host', async () => {
    const outside = join(rig.folder, 'exchanged');
    mkdirSync(join(outside, 'sub'), { recursive: true });
    writeFileSync(join(outside, 'sub/file'), 'host');
    await run('echo own > /c/file', { mounts: [cache(`../../../../../..${outside}`, CacheSharingOpt.SHARED)] });
    expect(readdirSync(outside)).toEqual(['sub']);
    const racing = [cache('racing', CacheSharingOpt.SHARED)];
    await run('mkdir /c/sub && echo own > /c/sub/file', { mounts: racing });
    const exchange = `i=0; while [ $i -lt 400 ]; do mv /c/sub /c/kept && ln -s ${outside}/sub /c/sub; rm /c/sub; mv /c/kept /c/sub; i=$((i+1)); done`;
    const exchanging = run(exchange, { mounts: racing });
    logs = '';
    const mounts = [cache('racing', CacheSharingOpt.SHARED, { selector: 'sub' })];
    for (let tries = 0; tries < 8; tries++) await run('cat /c/file; echo seen > /c/new', { mounts }).catch(() => undefined);
    await exchanging;
    expect(logs).not.toContain('host');
    expect(readdirSync(join(outside, 'sub'))).toEqual(['file']);
  });

  it('gives a memory file system of the size that is asked for', async () => {
    await run('(head -c 300000 /dev/zero > /c/big) 2>/dev/null; wc -c < /c/big', {
      mounts: [special({ mountType: MountType.TMPFS, dest: '/c', TmpfsOpt: { size: 131072n } })],
    });
    expect(logs).toBe('131072\n');
  });

  const holding = (secrets: Readonly<Record<string, string>>): SessionGroup =>
    clients({
      getSecret: ({ ID }: { ID: string }) => {
        const value = secrets[ID];
        if (value === undefined) throw notFound(`secret ${ID} is not here`);
        return { data: Buffer.from(value) };
      },
    });
  const secret = (id: string, change = {}): ExecOp['mounts'][number] =>
    special({
      mountType: MountType.SECRET,
      dest: '/run/secrets/s',
      secretOpt: { ID: id, uid: 1000, gid: 2000, mode: 0o440, optional: false, ...change },
    });

  it('shows secrets as files and as variables, and leaves none', async () => {
    const sessions = holding({ one: 'hidden-one', two: 'hidden-two' });
    const script =
      'stat -c "%u:%g %a" /run/secrets/s; cat /run/secrets/s | wc -c; echo "${#TWO}${NO-unset}"; (echo x > /run/secrets/s) 2>/dev/null || echo readonly';
    const secretenv = [
      { ID: 'two', name: 'TWO', optional: false },
      { ID: 'none', name: 'NO', optional: true },
    ];
    const [tree] = await run(script, { mounts: [secret('one')], secretenv }, context({ sessions }));
    expect(logs).toBe('1000:2000 440\n10\n10\nreadonly\n');
    expect(readdirSync(join(rig.folder, 'hidden'))).toEqual([]);
    expect(readdirSync(refs.top(tree))).not.toContain('secrets');
    expect(refs.descriptions.join()).not.toContain('hidden-');
  });

  it('says which secret is missing, unless it need not be there', async () => {
    const step = context({ sessions: holding({}) });
    await expect(run('true', { mounts: [secret('gone')] }, step)).rejects.toThrow('secret gone: not found');
    await expect(run('true', { secretenv: [{ ID: 'gone', name: 'G', optional: false }] }, step)).rejects.toThrow('secret gone: not found');
    await run('test ! -e /run/secrets/s && echo none', { mounts: [secret('gone', { optional: true })] }, step);
    expect(logs).toBe('none\n');
    await expect(run('true', { mounts: [secret('one')] })).rejects.toThrow('no active sessions');
  });

  const ssh = (change = {}): ExecOp['mounts'][number] =>
    special({
      mountType: MountType.SSH,
      dest: '/agent',
      SSHOpt: { ID: 'default', uid: 1000, gid: 0, mode: 0o600, optional: false, ...change },
    });

  it("leads to the client's ssh agent", async () => {
    const asked: unknown[] = [];
    const tmp = special({ mountType: MountType.CACHE, dest: '/tmp', cacheOpt: { ID: 'said', sharing: CacheSharingOpt.SHARED } });
    const sessions = clients({
      checkAgent: () => ({}),
      async *forwardAgent(requests: AsyncIterable<BytesMessage>, options: unknown) {
        asked.push(options);
        for await (const { data } of requests) yield { data: Buffer.from(`got ${data.toString()}`) };
      },
    });
    const step = run(
      'stat -c "%F %u %a" /agent; while ! test -e /tmp/said; do sleep 0.02; done',
      { mounts: [ssh(), tmp] },
      context({ sessions }),
    );
    expect(await talk(join(rig.folder, 'ssh0'), 'hello')).toBe('got hello');
    while (refs.cachePath('said') === '') await pause(5); // the socket is there before the cache is
    writeFileSync(join(refs.cachePath('said'), 'said'), '');
    await step;
    expect(logs).toBe('socket 1000 600\n');
    expect(existsSync(join(rig.folder, 'ssh0'))).toBe(false);
    expect(asked).toEqual([{ metadata: { 'buildkit.ssh.id': ['default'] } }]);
    const without = clients({
      checkAgent: () => {
        throw notImplemented('no such method');
      },
    });
    await expect(run('true', { mounts: [ssh()] }, context({ sessions: without }))).rejects.toThrow(
      'no SSH key "default" forwarded from the client',
    );
    await run('test ! -e /agent && echo none', { mounts: [ssh({ optional: true })] }, context({ sessions: without }));
    expect(logs).toContain('none');
  });

  it('leaves nothing when it is cancelled', async () => {
    const abort = new AbortController();
    const step = context({ call: derive(rig.ctx, { signal: abort.signal }) });
    const waiting = run('sleep 1000', { mounts: [cache('x', CacheSharingOpt.LOCKED)] }, step);
    const second = run('true', { mounts: [cache('x', CacheSharingOpt.LOCKED)] }, step);
    setTimeout(() => abort.abort(cancelled('no one waits')), 500);
    await expect(waiting).rejects.toThrow('no one waits');
    await expect(second).rejects.toThrow('no one waits');
    await run('true', { mounts: [cache('x', CacheSharingOpt.LOCKED)] });
    expect(rig.mounted().filter((point) => point.includes('/steps'))).toEqual([]);
  });
});

/** Says something to a socket that is about to be there, and hears the answer. */
async function talk(path: string, words: string): Promise<string> {
  while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 20));
  const socket = connect(path);
  socket.end(words);
  let answer = '';
  for await (const data of socket) answer += String(data);
  return answer;
}

const nobody: SessionGroup = { ids: [], any: () => Promise.reject(failedPrecondition('no active sessions')) };

/** One client that serves these methods. */
function clients(methods: Readonly<Record<string, (request: never, options: unknown) => unknown>>): SessionGroup {
  const called = (_ctx: unknown, name: string, request: unknown, options: unknown): unknown => {
    const method = methods[name];
    if (method === undefined) throw notImplemented(name);
    return method(request as never, options);
  };
  const session = {
    id: 'a',
    name: '',
    sharedKey: '',
    serves: () => true,
    closed: new Promise<void>(() => undefined),
    client: (definition: object) => {
      const streams = definition === SSHService ? ['forwardAgent'] : [];
      const entries = Object.keys(definition === SecretsService || definition === SSHService ? definition : {}).map((name) => [
        name,
        (ctx: unknown, request: unknown, options: unknown) =>
          streams.includes(name)
            ? called(ctx, name, request, options)
            : new Promise((resolve) => {
                resolve(called(ctx, name, request, options));
              }),
      ]);
      return Object.fromEntries(entries) as never;
    },
  } satisfies Session;
  return { ids: ['a'], any: (use) => use(session) };
}
