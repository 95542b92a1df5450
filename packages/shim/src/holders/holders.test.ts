import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Helper, locateProgram } from '@gantry/native';
import { newContext } from '@gantry/rpc';
import { startTimeOf } from '../monitor/state-files';
import { holdersHandlers } from './holders';

const canRun = process.getuid?.() === 0 && existsSync(locateProgram('gantry-native', __dirname));
const suite = canRun ? describe : describe.skip;
const ctx = newContext();

suite(`holders of namespaces${canRun ? '' : ' [needs a built tree, and root]'}`, () => {
  let folder: string;
  let helper: Helper;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-holders-'));
    helper = new Helper({ binary: locateProgram('gantry-native', __dirname), cgroups: [], logger: { warn: () => undefined } });
    await helper.start();
  });
  afterEach(async () => {
    const handlers = holdersHandlers(folder, helper);
    for (const { id } of (await handlers.list(ctx, { id: '' })).holders) await handlers.release(ctx, { id });
    await helper.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const wish = {
    id: 'k8s.io.pod',
    network: true,
    ipc: true,
    uts: true,
    pid: true,
    hostname: 'inside',
    sysctls: {},
    uidMap: '',
    gidMap: '',
  };

  test('one process holds them, small, until it is released', async () => {
    const handlers = holdersHandlers(folder, helper);
    const sysctls = { 'net.ipv4.ip_unprivileged_port_start': '0', 'kernel.shm_rmid_forced': '1' };
    const { holder } = await handlers.hold(ctx, { ...wish, sysctls });
    const pid = holder?.pid ?? 0;
    for (const name of ['net', 'ipc', 'uts', 'pid'])
      expect(readlinkSync(`/proc/${pid}/ns/${name}`)).not.toBe(readlinkSync(`/proc/self/ns/${name}`));
    expect(readFileSync(`/proc/${pid}/status`, 'latin1')).toMatch(/^NSpid:\t\d+\t1$/m);
    expect((await handlers.hold(ctx, wish)).holder?.pid).toBe(pid);
    const next = holdersHandlers(folder, helper);
    expect((await next.list(ctx, { id: '' })).holders).toEqual([{ id: wish.id, pid, alive: true }]);
    expect((await next.list(ctx, { id: wish.id })).holders).toEqual([{ id: wish.id, pid, alive: true }]);
    expect((await next.list(ctx, { id: 'another' })).holders).toEqual([]);
    await next.release(ctx, { id: wish.id });
    await next.release(ctx, { id: wish.id });
    while (startTimeOf(pid) !== undefined) await new Promise((resolve) => setImmediate(resolve));
    expect((await next.list(ctx, { id: '' })).holders).toEqual([]);
  });

  test('it shows nothing of the host, may nothing, and lives where all others do', async () => {
    const handlers = holdersHandlers(folder, helper);
    const pids: number[] = [];
    for (const [id, uidMap] of [
      ['plain', ''],
      ['host', ''],
      ['mapped', '0 100000 65536'],
    ] as const) {
      const own = id !== 'host'; // a pod on the host's network shares processes all the same
      const { holder } = await handlers.hold(ctx, { ...wish, id, network: own, uts: own, uidMap, gidMap: uidMap });
      pids.push(holder?.pid ?? 0);
    }
    for (const pid of pids) {
      expect(readFileSync(`/proc/${pid}/cmdline`, 'latin1')).toBe('/pause\0');
      expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).toBe('');
      expect(readlinkSync(`/proc/${pid}/exe`)).toBe('/pause');
      expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
      expect(readdirSync(`/proc/${pid}/root/`)).toEqual(['pause']);
      expect(readdirSync(`/proc/${pid}/fd`)).toEqual([]);
      expect(readFileSync(`/proc/${pid}/mountinfo`, 'latin1')).toMatch(/^\d+ \d+ \S+ \/ \/ ro,nosuid,nodev\S* \S*- tmpfs pod \S+\n$/);
      const status = readFileSync(`/proc/${pid}/status`, 'latin1');
      for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb']) expect(status).toMatch(new RegExp(`^Cap${set}:\t0{16}$`, 'm'));
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      while (!/^State:\tS/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))) await new Promise((resolve) => setImmediate(resolve));
      if (pid === pids[2]) continue; // whoever made a user namespace may all in it
      const root = ['--bounding-set', '-all', '--inh-caps', '-all', 'readlink', `/proc/${pid}/exe`]; // as a container's root is
      expect(spawnSync('setpriv', root, { encoding: 'utf8' })).toMatchObject({ status: 1, stdout: '' });
    }
    const places = new Set(pids.map((pid) => readlinkSync(`/proc/${pid}/ns/mnt`)));
    expect(places.size).toBe(1);
    expect(places).not.toContain(readlinkSync('/proc/self/ns/mnt'));
  });

  test('many share what they are made of: each takes a fraction of 0.4 MB', async () => {
    const handlers = holdersHandlers(folder, helper);
    const sizes: number[] = [];
    for (let at = 0; at < 16; at++) await handlers.hold(ctx, { ...wish, id: `pod-${at}` });
    for (const { pid } of (await handlers.list(ctx, { id: '' })).holders)
      sizes.push(Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1]));
    expect(sizes).toHaveLength(16);
    expect(sizes.reduce((sum, size) => sum + size, 0) / sizes.length).toBeLessThan(20);
  });

  test.each([true, false])('one heeds the end of the host, and no process of its pod (pids of their own: %s)', async (pid) => {
    const handlers = holdersHandlers(folder, helper);
    const { holder } = await handlers.hold(ctx, { ...wish, pid });
    const held = holder?.pid ?? 0;
    const status = (): string => readFileSync(`/proc/${held}/status`, 'latin1');
    while (!/^Name:\tpause\n[^]*^State:\tS/m.test(status())) await new Promise((resolve) => setImmediate(resolve)); // it listens then
    const taken = (): boolean => /^(Sig|Shd)Pnd:\t0*[^0\s]/m.test(status()) === false;
    if (pid) {
      expect(spawnSync('nsenter', ['-t', String(held), '-p', 'sh', '-c', 'kill -TERM 1'])).toMatchObject({ status: 0 });
      while (!taken()) await new Promise((resolve) => setImmediate(resolve));
      expect((await handlers.list(ctx, { id: wish.id })).holders).toEqual([{ id: wish.id, pid: held, alive: true }]);
    }
    process.kill(held, 'SIGTERM');
    while (startTimeOf(held) !== undefined) await new Promise((resolve) => setImmediate(resolve));
    expect((await handlers.list(ctx, { id: wish.id })).holders).toEqual([{ id: wish.id, pid: held, alive: false }]);
  });

  test('one that was killed is told as such; what is not of the namespaces is refused', async () => {
    const handlers = holdersHandlers(folder, helper);
    const { holder } = await handlers.hold(ctx, { ...wish, pid: false });
    process.kill(holder?.pid ?? 0, 'SIGKILL');
    while (startTimeOf(holder?.pid ?? 0) !== undefined) await new Promise((resolve) => setImmediate(resolve));
    expect((await handlers.list(ctx, { id: '' })).holders).toEqual([{ id: wish.id, pid: holder?.pid, alive: false }]);
    const other = { ...wish, id: 'other' };
    for (const name of ['vm.swappiness', 'kernel.hostname', 'net.../../kernel.x'])
      await expect(handlers.hold(ctx, { ...other, sysctls: { [name]: '1' } })).rejects.toThrow(`sysctl "${name}"`);
    await expect(handlers.hold(ctx, { ...other, network: false, sysctls: { 'net.core.somaxconn': '1' } })).rejects.toThrow('sysctl');
    await expect(handlers.hold(ctx, { ...other, sysctls: { 'net.nosuch': '1' } })).rejects.toMatchObject({ kind: 'invalidArgument' });
    await expect(handlers.hold(ctx, { ...other, hostname: 'x'.repeat(70) })).rejects.toThrow('hostname');
    await expect(handlers.hold(ctx, { ...other, id: '../x' })).rejects.toThrow('identifier');
    expect((await handlers.list(ctx, { id: '' })).holders.map(({ id }) => id)).toEqual([wish.id]);
  });

  test('a user namespace owns the others, with the maps that it was asked for', async () => {
    const handlers = holdersHandlers(folder, helper);
    const map = '0 100000 65536';
    const sysctls = { 'net.ipv4.ip_unprivileged_port_start': '0' };
    const { holder } = await handlers.hold(ctx, { ...wish, uidMap: map, gidMap: map, sysctls });
    const pid = holder?.pid ?? 0;
    expect(readlinkSync(`/proc/${pid}/ns/user`)).not.toBe(readlinkSync('/proc/self/ns/user'));
    for (const name of ['uid_map', 'gid_map'])
      expect(readFileSync(`/proc/${pid}/${name}`, 'latin1').trim().split(/\s+/)).toEqual(map.split(' '));
    expect(readFileSync(`/proc/${pid}/status`, 'latin1')).toMatch(/^Uid:\t100000\t100000\t100000\t100000$/m);
    const mapped = { ...wish, id: 'other', uidMap: map };
    await expect(handlers.hold(ctx, { ...mapped, gidMap: 'x' })).rejects.toThrow('gid_map is not lines of three numbers');
    await expect(handlers.hold(ctx, { ...mapped, gidMap: '0 0 0' })).rejects.toThrow('user namespace');
  });
});
