import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { derive, newContext, silentLogger } from '@gantry/rpc';
import { pluginEnvironment } from '../config';
import { delay, eventually } from '../testing/host';
import { failing, Programs } from '../testing/programs';
import { Attachments } from './attachments';
import { Chain } from './chain';
import type { JsonObject } from './config-list';
import { ConfigDirectory } from './directory';
import { Pods, type PodWish } from './pods';

let place: string;
let programs: Programs;
let directory: ConfigDirectory;
let pods: Pods;

const folder = (): string => join(place, 'net.d');

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'gantry-cni-'));
  programs = new Programs(place);
  mkdirSync(folder());
});
afterEach(() => {
  directory?.close();
  rmSync(place, { recursive: true, force: true });
});

/** The service's part of pods, on what is on disk. */
async function start({ timeoutMs = 20_000 } = {}): Promise<void> {
  directory?.close();
  directory = new ConfigDirectory(folder(), silentLogger);
  const attachments = new Attachments(join(place, 'state'));
  await attachments.load(silentLogger);
  await directory.start();
  const chain = new Chain({
    directories: [join(place, 'none'), programs.directory],
    timeoutMs,
    environment: { PATH: process.env['PATH'] },
  });
  pods = new Pods({ directory, attachments, chain, loopbackUp: async () => undefined, logger: silentLogger });
}

const write = (name: string, value: object | string): void =>
  writeFileSync(join(folder(), name), typeof value === 'string' ? value : JSON.stringify(value));
const list = (plugins: (string | object)[], more: object = {}): object => ({
  cniVersion: '1.0.0',
  name: 'net',
  plugins: plugins.map((each) => (typeof each === 'string' ? { type: each } : each)),
  ...more,
});
const wish = (sandboxId: string, change: Partial<PodWish> = {}): PodWish => ({
  sandboxId,
  netnsPath: '/run/netns/x',
  interface: '',
  args: { K8S_POD_NAME: 'web', IgnoreUnknown: '1' },
  capabilities: {},
  ...change,
});
const ctx = newContext();
const records = (): string[] => readdirSync(join(place, 'state'));

describe('a configuration', () => {
  const loaded = async (): Promise<string> => {
    await start();
    const { network, problems } = directory.current;
    return network === undefined
      ? problems.join('; ')
      : `${network.name} ${network.version} ${network.plugins.map(({ type }) => type).join(',')}`;
  };

  it('is the first file that is whole, by its name', async () => {
    write('05-other.txt', list(['nobody'], { name: 'text' }));
    write('20-late.conflist', list(['b'], { name: 'late' }));
    write('10-broken.conflist', '{');
    write('11-single.conf', { cniVersion: '0.3.1', name: 'single', type: 'a' });
    expect(await loaded()).toBe('single 0.3.1 a');
    expect(directory.current.problems).toEqual([
      `${join(folder(), '10-broken.conflist')}: it is no JSON: ${"Expected property name or '}' in JSON at position 1 (line 1 column 2)"}`,
    ]);
  });

  it('may be a .json of one program, and one without version is of 0.1.0', async () => {
    write('a.json', { name: 'old', type: 'a' });
    expect(await loaded()).toBe('old 0.1.0 a');
  });

  it('is of the newest of its versions that is spoken', async () => {
    write('a.conflist', list(['a'], { cniVersion: '9.0.0', cniVersions: ['0.4.0', '1.1.0', '2.0.0'] }));
    expect(await loaded()).toBe('net 1.1.0 a');
  });

  it('takes programs from the folder of its name when it says so', async () => {
    write('a.conflist', list(['a'], { loadOnlyInlinedPlugins: false }));
    mkdirSync(join(folder(), 'net'));
    write('net/20-c.conf', { type: 'c' });
    write('net/10-b.conf', { type: 'b' });
    expect(await loaded()).toBe('net 1.0.0 a,b,c');
  });

  it.each([
    [list(['a'], { cniVersion: '9.9.9' }), 'version "9.9.9" is not spoken'],
    [list(['a'], { name: '' }), 'it has no "name"'],
    [list(['a'], { name: '../x' }), 'name "../x" is no network\'s name'],
    [list([]), 'it has no plugins'],
    [list([{ type: '../../bin/sh' }]), 'plugin 0: type "../../bin/sh" is no program\'s name'],
    [list(['a', {}]), 'plugin 1 has no "type"'],
    [list(['a'], { disableCheck: 'perhaps' }), '"disableCheck" is neither true nor false'],
    [list(['a'], { plugins: {} }), '"plugins" is no list'],
    [[1], 'it is no object'],
  ])('that is wrong is told: %j', async (value, text) => {
    write('a.conflist', value);
    expect(await loaded()).toBe(`${join(folder(), 'a.conflist')}: ${text}`);
  });

  it('is told to be none', async () => {
    expect(await loaded()).toBe(`no network config found in ${folder()}`);
    expect((await pods.status(ctx)).problem).toBe('cni plugin not initialized');
    await expect(pods.add(ctx, wish('p1'))).rejects.toMatchObject({
      message: 'cni plugin not initialized',
      meta: { cni: 'notConfigured' },
    });
  });

  it('is taken up when its files change, also with its folder', async () => {
    rmSync(folder(), { recursive: true });
    await start();
    const now = (): string => `${directory.current.network?.name}`;
    mkdirSync(folder());
    write('b.conflist', list(['a'], { name: 'second' }));
    await eventually(() => expect(now()).toBe('second'));
    write('a.conflist', list(['a'], { name: 'first' }));
    await eventually(() => expect(now()).toBe('first'));
    write('new', list(['a'], { name: 'renamed' }));
    renameSync(join(folder(), 'new'), join(folder(), 'a.conflist'));
    await eventually(() => expect(now()).toBe('renamed'));
    rmSync(folder(), { recursive: true });
    await eventually(() => expect(now()).toBe('undefined'));
    mkdirSync(folder());
    write('c.conflist', list(['a'], { name: 'again' }));
    await eventually(() => expect(now()).toBe('again'));
  });
});

describe('a pod', () => {
  it('is put on by all programs, each told the answer before it, and taken off by the last one first', async () => {
    programs.make('one', {
      ADD: `echo '{"cniVersion":"1.0.0","interfaces":[{"name":"veth1"},{"name":"eth0","sandbox":"/run/netns/x"}],"ips":[{"address":"fd00::5/64","interface":1},{"address":"10.0.0.5/16","interface":1},{"address":"10.0.0.1/16","interface":0}]}'`,
    });
    programs.make('two', { ADD: `printf '%s' "$in" | sed 's/.*"prevResult"://; s/}$//'` });
    write('a.conflist', list([{ type: 'one', some: { deep: [1] } }, 'two']));
    await start();
    const { result } = await pods.add(ctx, wish('p1'));
    expect(result.addresses.map(({ address, interface: name }) => `${address} ${name}`)).toEqual(['10.0.0.5/16 eth0', 'fd00::5/64 eth0']);
    await pods.check(ctx, 'p1');
    await pods.remove(ctx, { sandboxId: 'p1', netnsPath: '/run/netns/x' });
    expect(programs.order).toEqual(['ADD one', 'ADD two', 'CHECK one', 'CHECK two', 'DEL two', 'DEL one']);
    const [one, two, check, , del] = programs.calls();
    expect(one).toMatchObject({
      id: 'p1',
      netns: '/run/netns/x',
      name: 'eth0',
      args: 'K8S_POD_NAME=web;IgnoreUnknown=1',
      path: `${join(place, 'none')}:${programs.directory}`,
    });
    expect(one?.input).toEqual({ cniVersion: '1.0.0', name: 'net', type: 'one', some: { deep: [1] } });
    for (const call of [two, check, del]) expect(call?.input.prevResult?.ips?.[0]?.address).toBe('fd00::5/64');
    expect(records()).toEqual([]);
  });

  it('gives programs the capabilities that they declare', async () => {
    for (const type of ['one', 'two']) programs.make(type);
    write('a.conflist', list([{ type: 'one', capabilities: { portMappings: true, dns: false } }, 'two']));
    await start();
    const capabilities: JsonObject = { portMappings: [{ hostPort: 80, containerPort: 8080, protocol: 'tcp' }], dns: { servers: [] } };
    await pods.add(ctx, wish('p1', { capabilities }));
    await pods.remove(ctx, { sandboxId: 'p1', netnsPath: '' });
    const told = programs.calls().map(({ type, input }) => `${type} ${JSON.stringify(input['runtimeConfig'])}`);
    const given = `one ${JSON.stringify({ portMappings: capabilities['portMappings'] })}`;
    expect(told).toEqual([given, 'two undefined', 'two undefined', given]);
  });

  it('is taken off with what it was put on with, by another life of the service, whatever the configuration is now', async () => {
    programs.make('one');
    write('a.conflist', list([{ type: 'one', flavour: 'old' }]));
    await start();
    await pods.add(ctx, wish('p1'));
    expect(records()).toEqual(['net-p1-eth0']);
    expect(JSON.parse(readFileSync(join(place, 'state', 'net-p1-eth0'), 'utf8'))).toMatchObject({
      kind: 'cniCacheV1',
      containerId: 'p1',
      ifName: 'eth0',
      networkName: 'net',
    });
    write('a.conflist', list(['other'], { name: 'other' }));
    await start();
    expect(pods.all.map(({ attachment }) => attachment.sandboxId)).toEqual(['p1']);
    await pods.remove(ctx, { sandboxId: 'p1', netnsPath: '' });
    expect(programs.calls().at(-1)).toMatchObject({
      command: 'DEL',
      netns: '',
      input: { name: 'net', flavour: 'old', prevResult: { ips: [{ address: '10.1.2.3/24' }] } },
    });
    await pods.remove(ctx, { sandboxId: 'p1', netnsPath: '' });
    expect(programs.order).toEqual(['ADD one', 'DEL one']);
  });

  it('is answered as it is when it is asked for again, and is not moved', async () => {
    programs.make('one');
    write('a.conflist', list(['one']));
    await start();
    await pods.add(ctx, wish('p1'));
    expect((await pods.add(ctx, wish('p1'))).result.addresses[0]?.address).toBe('10.1.2.3/24');
    await expect(pods.add(ctx, wish('p1', { netnsPath: '/run/netns/y' }))).rejects.toThrow('already, in namespace /run/netns/x');
    expect(programs.order).toEqual(['ADD one']);
  });

  it('that is half made when the service dies is taken off before it is made anew', async () => {
    programs.make('one');
    write('a.conflist', list(['one']));
    mkdirSync(join(place, 'state'));
    const config = Buffer.from(JSON.stringify(list([{ type: 'one', flavour: 'half' }]))).toString('base64');
    writeFileSync(
      join(place, 'state', 'net-p1-eth0'),
      JSON.stringify({ kind: 'cniCacheV1', containerId: 'p1', ifName: 'eth0', config, cniArgs: [] }),
    );
    writeFileSync(join(place, 'state', 'net-p2-eth0.new'), '{');
    await start();
    await pods.add(ctx, wish('p1'));
    expect(programs.order).toEqual(['DEL one', 'ADD one']);
    expect(records()).toEqual(['net-p1-eth0']);
  });

  it('is not checked by configurations of old', async () => {
    programs.make('one');
    write('a.conflist', list(['one'], { cniVersion: '0.3.1' }));
    await start();
    await pods.add(ctx, wish('p1'));
    await expect(pods.check(ctx, 'p1')).rejects.toThrow('configuration version "0.3.1" does not support CHECK command');
    await expect(pods.check(ctx, 'p2')).rejects.toThrow('sandbox p2 is on no CNI network');
    write('a.conflist', list(['one'], { disableCheck: true }));
    await start();
    await pods.remove(ctx, { sandboxId: 'p1', netnsPath: '' });
    await pods.add(ctx, wish('p1'));
    await pods.check(ctx, 'p1');
    expect(programs.order).not.toContain('CHECK one');
  });

  it('of old has one address of each family', async () => {
    programs.make('one', {
      ADD: `echo '{"ip6":{"ip":"fd00::2/64"},"ip4":{"ip":"10.9.0.2/24","gateway":"10.9.0.1"},"dns":{"nameservers":["10.9.0.1"]}}'`,
    });
    write('a.conf', { cniVersion: '0.2.0', name: 'old', type: 'one' });
    await start();
    const { result } = await pods.add(ctx, wish('p1'));
    expect(result.addresses.map(({ address }) => address)).toEqual(['10.9.0.2/24', 'fd00::2/64']);
    expect(result.dns.nameservers).toEqual(['10.9.0.1']);
  });

  it.each([
    [{ sandboxId: '../p' }, 'sandbox id "../p" is none that CNI takes'],
    [{ netnsPath: 'x' }, 'netns path "x" is not absolute'],
    [{ interface: 'a/b' }, 'interface "a/b" is no interface name'],
    [{ args: { A: 'x;B=y' } }, 'argument "A" cannot be given as CNI_ARGS'],
  ])('is refused for %j', async (change, text) => {
    write('a.conflist', list(['one']));
    await start();
    await expect(pods.add(ctx, wish('p1', change))).rejects.toThrow(text);
  });

  it('waits for itself, and not for others', async () => {
    programs.make('one', {
      ADD: `if [ $CNI_CONTAINERID = p1 ]; then while [ ! -e ${place}/go ]; do sleep 0.01; done; fi; echo '{"ips":[]}'`,
    });
    write('a.conflist', list(['one']));
    await start();
    const slow = pods.add(ctx, wish('p1'));
    const off = pods.remove(ctx, { sandboxId: 'p1', netnsPath: '' });
    await pods.add(ctx, wish('p2'));
    expect(programs.order.filter((line) => line.startsWith('DEL'))).toEqual([]);
    writeFileSync(join(place, 'go'), '');
    await Promise.all([slow, off]);
    expect(programs.order).toEqual(['ADD one', 'ADD one', 'DEL one']);
  });
});

describe('a program that fails', () => {
  it('is told with its code and its words, and all take back what they made', async () => {
    programs.make('one');
    programs.make('two', { ADD: failing(11, 'boom', 'dd') });
    write('a.conflist', list(['one', 'two']));
    await start();
    await expect(pods.add(ctx, wish('p1'))).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'plugin type="two" failed (add): boom; dd',
      meta: { cniPlugin: 'two', cniCode: 11 },
    });
    expect(programs.order).toEqual(['ADD one', 'ADD two', 'DEL two', 'DEL one']);
    expect(records()).toEqual([]);
  });

  it.each([
    ['echo oops >&2; exit 3', 'netplugin failed with no error message: "oops"'],
    ['exit 3', 'netplugin failed with no error message: "it ended with 3"'],
    ['kill -9 $$', 'netplugin failed with no error message: "it was ended by SIGKILL"'],
    ['echo nonsense', 'it answered no JSON object: nonsense'],
    ['true', 'it answered nothing'],
    [`echo '{"ips":[{"address":"10.1.2.3"}]}'`, 'ips: "10.1.2.3" is no address with its prefix'],
    ['yes | head -c 5000000', 'it said more than 4194304 bytes'],
  ])("without CNI's words (%s)", async (script, text) => {
    programs.make('one', { ADD: script });
    write('a.conflist', list(['one']));
    await start();
    await expect(pods.add(ctx, wish('p1'))).rejects.toThrow(text);
    expect(programs.order).toEqual(['ADD one', 'DEL one']);
  });

  it('leaves the pod on its network when it was to go, to be asked again', async () => {
    programs.make('one', { DEL: `[ -e ${place}/mended ] || { ${failing(7, 'still here')}; }` });
    write('a.conflist', list(['one']));
    await start();
    await pods.add(ctx, wish('p1'));
    await expect(pods.remove(ctx, { sandboxId: 'p1', netnsPath: '' })).rejects.toThrow('plugin type="one" failed (del): still here');
    expect(records()).toEqual(['net-p1-eth0']);
    writeFileSync(join(place, 'mended'), '');
    await pods.remove(ctx, { sandboxId: 'p1', netnsPath: '' });
    expect(records()).toEqual([]);
  });

  it('by hanging is killed with what it started, and so is one whose caller goes', async () => {
    programs.make('one', { ADD: `sleep 1000 & echo $! >${place}/pid.$CNI_CONTAINERID; wait` });
    write('a.conflist', list(['one']));
    await start({ timeoutMs: 1500 });
    await expect(pods.add(ctx, wish('p1'))).rejects.toMatchObject({
      kind: 'deadlineExceeded',
      message: 'plugin type="one" failed (add): it took longer than 1.5 s and was killed',
    });
    const gone = new AbortController();
    const adding = pods.add(derive(ctx, { signal: gone.signal }), wish('p2'));
    adding.catch(() => undefined);
    await eventually(() => expect(readFileSync(`${place}/pid.p2`, 'utf8')).toMatch(/\n/));
    gone.abort(new Error('the caller is gone'));
    await expect(adding).rejects.toThrow('the caller is gone');
    for (const id of ['p1', 'p2']) {
      const pid = readFileSync(`${place}/pid.${id}`, 'utf8').trim();
      // A zombie whose parent has not looked yet is dead, too.
      await eventually(() =>
        expect(existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))).toBe(false),
      );
    }
    expect(records()).toEqual([]);
  });

  it('by not being there is named', async () => {
    write('a.conflist', list(['missing']));
    await start();
    await expect(pods.add(ctx, wish('p1'))).rejects.toThrow(
      `failed to find plugin "missing" in path [${join(place, 'none')} ${programs.directory}]`,
    );
    expect((await pods.status(ctx)).problem).toContain('failed to find plugin "missing"');
  });
});

describe('the network', () => {
  it('is ready when its programs say so, which are asked from 1.1.0 on', async () => {
    programs.make('one', { STATUS: `[ -e ${place}/up ] || { ${failing(50, 'not yet')}; }` });
    write('a.conflist', list(['one'], { cniVersion: '1.1.0' }));
    await start();
    expect((await pods.status(ctx)).problem).toBe('plugin type="one" failed (status): not yet');
    writeFileSync(join(place, 'up'), '');
    expect((await pods.status(ctx)).problem).toBe('');
    const asked = programs.order.length;
    write('a.conflist', list(['one']));
    await start();
    expect((await pods.status(ctx)).problem).toBe('');
    expect(programs.order.length).toBe(asked);
  });

  it('is not ready when a program does not speak its version', async () => {
    programs.make('one', { VERSION: `echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}'` });
    write('a.conflist', list(['one'], { cniVersion: '1.1.0' }));
    await start();
    expect((await pods.status(ctx)).problem).toBe('plugin one does not support config version "1.1.0"');
  });

  it('collects what belongs to no pod, and tells programs of those that live', async () => {
    for (const type of ['one', 'two']) programs.make(type);
    write('a.conflist', list(['one', 'two'], { cniVersion: '1.1.0' }));
    await start();
    for (const id of ['p1', 'p2', 'p3']) await pods.add(ctx, wish(id));
    expect(await pods.collect(ctx, ['p2', 'unknown'])).toEqual(['p1', 'p3']);
    expect(programs.order.slice(6)).toEqual(['DEL two', 'DEL one', 'DEL two', 'DEL one', 'GC one', 'GC two']);
    const last = programs.calls().at(-1);
    expect(last?.input).toEqual({
      cniVersion: '1.1.0',
      name: 'net',
      type: 'two',
      'cni.dev/valid-attachments': [{ containerID: 'p2', ifname: 'eth0' }],
    });
    expect([last?.id, last?.netns, last?.name]).toEqual(['', '', '']);
    expect(records()).toEqual(['net-p2-eth0']);
  });

  it('collects what it can when a program fails, and says all that failed', async () => {
    programs.make('one', { DEL: `[ $CNI_CONTAINERID != p1 ] || { ${failing(7, 'stuck')}; }`, GC: failing(7, 'no gc') });
    programs.make('two');
    write('a.conflist', list(['one', 'two'], { cniVersion: '1.1.0' }));
    await start();
    for (const id of ['p1', 'p2']) await pods.add(ctx, wish(id));
    await expect(pods.collect(ctx, [])).rejects.toThrow('plugin type="one" failed (del): stuck; plugin type="one" failed (gc): no gc');
    expect(programs.order.at(-1)).toBe('GC two');
    expect(records()).toEqual(['net-p1-eth0']);
  });

  it.each([{ cniVersion: '1.0.0' }, { cniVersion: '1.1.0', disableGC: true }])('tells no program to collect with %j', async (more) => {
    programs.make('one');
    write('a.conflist', list(['one'], more));
    await start();
    await pods.add(ctx, wish('p1'));
    expect(await pods.collect(ctx, [])).toEqual(['p1']);
    expect(programs.order).toEqual(['ADD one', 'DEL one']);
  });

  it('collects while no pod is put on', async () => {
    programs.make('one', { ADD: `while [ ! -e ${place}/go ]; do sleep 0.01; done; echo '{"ips":[]}'` });
    write('a.conflist', list(['one'], { cniVersion: '1.1.0' }));
    await start();
    const adding = pods.add(ctx, wish('p1'));
    await eventually(() => expect(programs.order).toEqual(['ADD one']));
    const collecting = pods.collect(ctx, ['p1']);
    await delay(50);
    expect(programs.order).toEqual(['ADD one']);
    writeFileSync(join(place, 'go'), '');
    await Promise.all([adding, collecting]);
    expect(programs.order).toEqual(['ADD one', 'GC one']);
  });
});

describe('programs', () => {
  it('are not taken for the service by what they inherit', () => {
    const env = {
      PATH: '/bin',
      HTTP_PROXY: 'x',
      NOTIFY_SOCKET: 'x',
      LISTEN_FDS: '1',
      WATCHDOG_PID: '1',
      GANTRY_LAUNCHED: '1',
      NODE_OPTIONS: 'x',
      CNI_ARGS: 'x',
    };
    expect(pluginEnvironment(env)).toEqual({ PATH: '/bin', HTTP_PROXY: 'x' });
  });
});
