import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { cancelled, derive } from '@gantry/rpc';
import { canRun, kept, nothing, Rig } from '../testing/rig';
import type { ContainerWish, LiveProcess } from './executor';
import type { ContainerdExecutor } from './make-executor';

const suite = canRun ? describe : describe.skip;

suite(`executor${canRun ? '' : ' [needs a built tree, and root]'}`, () => {
  let rig: Rig;
  let executor: ContainerdExecutor;
  beforeAll(async () => {
    rig = new Rig();
    await rig.start();
    executor = rig.executor();
  });
  afterAll(() => rig.stop());
  const sh = (script: string, change = {}) => kept(['sh', '-c', script], change);

  it('runs a process and tells its output and exit code', async () => {
    const { mounts, upper } = rig.tree();
    const process = sh('echo out; echo err >&2; echo file > /made; exit 7');
    await expect(executor.run(rig.ctx, { ...nothing, root: mounts }, process)).resolves.toEqual({ code: 7 });
    expect([process.out(), process.err()]).toEqual(['out\n', 'err\n']);
    expect(existsSync(join(upper, 'made'))).toBe(true);
    expect(rig.mounted().filter((point) => point.includes('/steps/'))).toEqual([]);
    await executor.settled();
    expect(readdirSync(join(rig.folder, 'steps'))).toEqual([]);
    expect(await rig.services.containers.list(rig.services.inSteps(rig.ctx), { filters: [] })).toEqual({ containers: [] });
    expect(readdirSync(join(upper, '../work/work'))).toEqual([]); // no mark of a volatile overlay
  });

  it('has the sandbox that a step of BuildKit has', async () => {
    const process = sh(
      'hostname; cat /etc/hosts; ls /sys/class/net; grep -c nameserver /etc/resolv.conf; grep -E "^(Seccomp|CapEff|NoNewPrivs):" /proc/self/status; ls /sys/firmware; (echo x > /etc/hosts) || echo readonly; ls /run 2>/dev/null; stat -f -c %T /dev/shm',
    );
    await executor.run(rig.ctx, { ...nothing, root: rig.tree().mounts, extraHosts: [{ host: 'db', ip: '10.1.2.3' }] }, process);
    const lines = process.out().replaceAll('\t', ' ').trim().split('\n');
    expect(lines).toEqual([
      'buildkitsandbox',
      '127.0.0.1 localhost buildkitsandbox',
      '::1 localhost ip6-localhost ip6-loopback',
      '10.1.2.3 db',
      'lo',
      expect.stringMatching(/^[1-9]$/),
      'CapEff: 00000000a80425fb',
      'NoNewPrivs: 0',
      'Seccomp: 2',
      'readonly',
      'tmpfs',
    ]);
  });

  it('leaves no mount point in the tree, and the folder its times', async () => {
    const { mounts, upper } = rig.tree();
    const before = statSync(join(rig.image, 'etc'));
    await executor.run(
      rig.ctx,
      { ...nothing, root: mounts, mounts: [tmpfs('/a/b/c'), tmpfs('/work')] },
      sh('touch /a/b/kept; test -d /a/b/c'),
    );
    expect(readdirSync(join(upper, 'etc'))).toEqual([]);
    expect(statSync(join(upper, 'etc')).mtimeMs).toBe(before.mtimeMs);
    expect(readdirSync(join(upper, 'a/b'))).toEqual(['kept']);

    const other = rig.tree();
    const wish = { ...nothing, root: other.mounts, mounts: [tmpfs('/a/b/c')], removeStubsRecursive: true };
    await executor.run(rig.ctx, wish, sh('true'));
    expect(readdirSync(other.upper)).not.toContain('a');
  });

  it('follows no link when it takes mount points away', async () => {
    const { mounts, upper } = rig.tree();
    const outside = join(rig.folder, 'outside');
    mkdirSync(join(outside, 'c'), { recursive: true });
    const script = `mount --help >/dev/null 2>&1; mv /a/b /a/was; ln -s ${outside} /a/b; true`;
    const { code } = await executor.run(rig.ctx, { ...nothing, root: mounts, mounts: [tmpfs('/a/b/c')] }, sh(script));
    expect(code).toBe(0);
    expect(readdirSync(outside)).toEqual(['c']);
    expect(existsSync(join(upper, 'a'))).toBe(true);
  });

  it('is the user that the tree names, in a folder that is made for it', async () => {
    const process = sh('id -u; id -g; id -G; stat -c "%u:%g %a" /home/web/src');
    await executor.run(rig.ctx, { ...nothing, root: rig.tree().mounts }, { ...process, user: 'web', cwd: '/home/web/src' });
    expect(process.out()).toBe('1000\n1000\n1000 2000\n1000:1000 755\n');
    const unknown = executor.run(rig.ctx, { ...nothing, root: rig.tree().mounts }, kept(['true'], { user: 'nobody-here' }));
    await expect(unknown).rejects.toThrow('unable to find user nobody-here');
  });

  it('takes what it is given on stdin', async () => {
    const process = sh('wc -c', { stdin: Readable.from([Buffer.alloc(300_000), Buffer.alloc(1)]) });
    await executor.run(rig.ctx, { ...nothing, root: rig.tree().mounts }, process);
    expect(process.out()).toBe('300001\n');
  });

  it('kills what runs when nobody waits any more', async () => {
    const abort = new AbortController();
    const ctx = derive(rig.ctx, { signal: abort.signal });
    const process = sh('echo on; sleep 1000', { output: () => abort.abort(cancelled('nobody waits')) });
    await expect(executor.run(ctx, { ...nothing, root: rig.tree().mounts }, process)).rejects.toThrow('nobody waits');
    expect(rig.mounted().filter((point) => point.includes('/steps/'))).toEqual([]);
    await executor.settled(); // what ran before
    const { containers } = await rig.services.containers.list(rig.services.inSteps(rig.ctx), { filters: [] });
    expect(containers).toEqual([]);
  });

  it('ends with 1 and says why where there is no such program', async () => {
    const process = kept(['/nope']);
    await expect(executor.run(rig.ctx, { ...nothing, root: rig.tree().mounts }, process)).resolves.toEqual({ code: 1 });
    expect(process.err()).toMatch(/\/nope: no such file or directory\n$/);
  });

  it('has the networks that are asked for', async () => {
    const links = async (network: 'default' | 'host' | 'none'): Promise<string> => {
      const process = sh('ls /sys/class/net; ip -4 -o addr show eth0 2>/dev/null | wc -l');
      await executor.run(rig.ctx, { ...nothing, root: rig.tree().mounts, network }, process);
      return process.out().split(/\s+/).join(' ').trim();
    };
    expect(await links('none')).toBe('lo 0');
    expect(await links('default')).toBe(rig.foreign ? 'lo 0' : 'eth0 lo 1');
    // the kernel takes the veth of a step that ended away a moment after its namespace
    if (!rig.foreign) expect(await links('host')).toMatch(/^gantry-\S+ lo( veth\S+)* 0$/);
    await executor.settled();
    expect(await rig.endpoints()).toEqual([]);
  });

  it('lays its mounts: a part of a tree, read-only, and what leads out of it is not followed', async () => {
    const tree = join(rig.folder, 'source');
    mkdirSync(join(tree, 'in/deep'), { recursive: true });
    writeFileSync(join(tree, 'in/deep/file'), 'here');
    symlinkSync('/etc', join(tree, 'out'));
    symlinkSync('../../../../../../../../etc', join(tree, 'in/up'));
    const source = [{ type: 'bind', source: tree, target: '', options: ['rbind'] }];
    const shown = (selector: string, readonly = true): ContainerWish['mounts'][number] => ({
      destination: '/m',
      source,
      selector,
      readonly,
    });
    const process = sh('cat /m; (echo x > /m) 2>/dev/null || echo refused');
    await executor.run(rig.ctx, { ...nothing, root: rig.tree().mounts, mounts: [shown('in/deep/file')] }, process);
    expect(process.out()).toBe('hererefused\n');
    for (const selector of ['out', 'in/up', '../../etc']) {
      const run = executor.run(rig.ctx, { ...nothing, root: rig.tree().mounts, mounts: [shown(selector)] }, sh('true'));
      await expect(run).rejects.toThrow(`failed to mount /m: "${selector}": not found`);
    }
    expect(rig.mounted().filter((point) => point.includes('/steps/'))).toEqual([]);
  });

  it('runs further processes in a container that runs', async () => {
    const root = rig.tree().mounts;
    const started = Promise.withResolvers<LiveProcess>();
    const first = executor.run(rig.ctx, { ...nothing, id: 'several', root }, sh('echo one > /tmp/x; sleep 1000'), started.resolve);
    const live = await started.promise;
    const second = sh('while ! test -s /tmp/x; do sleep 0.05; done; cat /tmp/x; id -u; exit 3', { user: 'web' });
    await expect(executor.exec(rig.ctx, 'several', second)).resolves.toEqual({ code: 3 });
    expect(second.out()).toBe('one\n1000\n');
    await live.signal(9);
    await expect(first).resolves.toEqual({ code: 137 });
    await expect(executor.exec(rig.ctx, 'several', sh('true'))).rejects.toThrow('container several not found');
  });

  it('gives everything to an insecure step', async () => {
    const process = sh(
      'grep -E "^(Seccomp|CapEff|CapAmb):" /proc/self/status; ls /dev/loop-control; mount -t tmpfs none /tmp && echo mounted',
    );
    await executor.run(rig.ctx, { ...nothing, root: rig.tree().mounts, insecure: true }, process);
    expect(process.out()).toMatch(/CapEff:\s+(\w+)\nCapAmb:\s+\1\nSeccomp:\s+0\n\/dev\/loop-control\nmounted\n$/);
  });

  it('sweeps what a former life left, and nothing of others', async () => {
    const other = rig.executor({ directory: join(rig.folder, 'other') });
    const started = Promise.withResolvers<void>();
    const run = executor.run(rig.ctx, { ...nothing, root: rig.tree().mounts, network: 'default' }, sh('sleep 1000'), () =>
      started.resolve(),
    );
    await started.promise;
    await executor.settled(); // what ran before
    await other.sweep(rig.ctx);
    const steps = rig.services.inSteps(rig.ctx);
    expect((await rig.services.containers.list(steps, { filters: [] })).containers).toHaveLength(1);
    await rig.executor().sweep(rig.ctx);
    await run.catch(() => undefined);
    await executor.settled();
    expect((await rig.services.containers.list(steps, { filters: [] })).containers).toEqual([]);
    expect(await rig.endpoints()).toEqual([]);
    expect(rig.mounted().filter((point) => point.includes('/steps/'))).toEqual([]);
  });
});

const tmpfs = (destination: string): ContainerWish['mounts'][number] => ({
  destination,
  source: [{ type: 'tmpfs', source: 'tmpfs', target: '', options: ['nosuid'] }],
  selector: '',
  readonly: false,
});
