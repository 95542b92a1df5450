import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, ended, type Engine, hasProgram, loadBusybox, startEngine, succeeding, testWith, until } from './harness';
import { type Host, makeHost } from './harness/host';

const SERVER = '192.0.2.254';
const ENDPOINT = `http://${SERVER}:2379`;

function hasVxlan(): boolean {
  try {
    execFileSync('unshare', ['-n', 'ip', 'link', 'add', 'gantry-probe', 'type', 'vxlan', 'id', '1', 'dstport', '4789'], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

const lacking = !hasProgram('etcd') ? "etcd's server (package etcd-server)" : !hasVxlan() ? 'a kernel with VXLAN (module vxlan)' : '';
const testHere = testWith(lacking, lacking === '');

/** Two engines on one wire, and etcd beside them. */
class Two {
  readonly engines: Engine[] = [];
  #wire: Host | undefined;
  #etcd: ChildProcess | undefined;

  async start(): Promise<void> {
    const wire = await makeHost();
    this.#wire = wire;
    const onWire = succeeding((args) => wire.onHost('ip', args));
    await onWire('link', 'add', 'wire0', 'type', 'bridge');
    await onWire('addr', 'add', `${SERVER}/24`, 'dev', 'wire0');
    await onWire('link', 'set', 'wire0', 'up');
    const own = ['--listen-client-urls', ENDPOINT, '--advertise-client-urls', ENDPOINT, '--logger', 'zap', '--log-level', 'error'];
    const etcd = ['etcd', '--data-dir', join(wire.folder, 'etcd'), ...own];
    this.#etcd = spawn('nsenter', [`--net=/run/netns/${wire.netns}`, ...etcd], { stdio: 'ignore' });
    await until('etcd', async () => (await wire.onHost('curl', ['-sf', `${ENDPOINT}/health`])).stdout.includes('true'));
    for (const number of [1, 2]) {
      const network = `overlay:\n  endpoints: [${ENDPOINT}]\n  name: host${number}\n  lease: 600\n`;
      const engine = await startEngine('gantry', { separate: true, config: { network } });
      this.engines.push(engine);
      await onWire('link', 'add', `host${number}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', engine.netns);
      await onWire('link', 'set', `host${number}`, 'up', 'master', 'wire0');
      const onHost = succeeding((args) => engine.onHost('ip', args));
      await onHost('addr', 'add', `192.0.2.${number}/24`, 'dev', 'eth0');
      await onHost('link', 'set', 'eth0', 'up');
      await loadBusybox(engine);
    }
  }

  async stop(): Promise<void> {
    for (const engine of this.engines) await engine.destroy();
    this.#etcd?.kill('SIGKILL');
    if (this.#etcd !== undefined) await ended(this.#etcd);
    await this.#wire?.remove();
  }
}

testHere(
  'the docker CLI sees one network on two engines',
  async () => {
    const two = new Two();
    try {
      await two.start();
      const [a, b] = two.engines as [Engine, Engine];
      const [on, there] = [succeeding((args) => a.docker(args)), succeeding((args) => b.docker(args))];
      const taken = ['network', 'create', '-d', 'overlay', '--attachable', 'n'];
      await until('the store to be in touch', async () => (await a.docker(taken)).code === 0);
      await until('the network there', async () =>
        (await there('network', 'ls', '--format', '{{.Name}} {{.Driver}} {{.Scope}}')).includes('n overlay global'),
      );
      expect((await b.docker(taken)).stderr).toContain('network with name n already exists');
      const format = '{{.Id}} {{.Attachable}} {{json .IPAM.Config}}';
      expect(await there('network', 'inspect', '-f', format, 'n')).toBe(await on('network', 'inspect', '-f', format, 'n'));

      await on(
        'run',
        '-d',
        '--name',
        'web',
        '--network',
        'n',
        '--network-alias',
        'www',
        '-p',
        '8080:80',
        'busybox',
        'httpd',
        '-f',
        '-h',
        '/var/www',
      );
      await there('run', '-d', '--name', 'client', '--network', 'n', 'busybox', 'sleep', '600');
      const say = (url: string): Promise<string> => there('exec', 'client', 'wget', '-qO-', url);
      await until('the way', async () => (await b.docker(['exec', 'client', 'wget', '-qO-', 'http://www/'])).code === 0);
      for (const name of ['web', 'www', 'web.n']) expect(await say(`http://${name}/`)).toBe('hello from gantry');
      await on('exec', 'web', 'ping', '-c1', '-W1', 'client');
      expect(await there('exec', 'client', 'cat', '/sys/class/net/eth0/mtu')).toBe('1450');
      // published where it runs, and with a way out
      expect((await a.onHost('curl', ['-s', 'http://127.0.0.1:8080/'])).stdout).toBe('hello from gantry\n');
      await there('exec', 'client', 'ping', '-c1', '-W1', SERVER);
      expect(JSON.parse(await there('network', 'inspect', '-f', '{{json .Peers}}', 'n'))).toEqual([
        { Name: 'host1', IP: '192.0.2.1' },
        { Name: 'host2', IP: '192.0.2.2' },
      ]);

      const pid = a.pids('gantry-network')[0] ?? 0;
      process.kill(pid, 'SIGKILL');
      expect(await say('http://' + (await on('inspect', '-f', '{{.NetworkSettings.Networks.n.IPAddress}}', 'web')) + '/')).toBe(
        'hello from gantry',
      );
      await until('the next service', () => a.pids('gantry-network').some((other) => other !== pid));
      await until('names', async () => (await a.docker(['exec', 'web', 'nslookup', 'client'])).code === 0);

      await on('rename', 'web', 'site');
      await until('the new name there', async () => (await b.docker(['exec', 'client', 'wget', '-qO-', 'http://site/'])).code === 0);
      await there('rm', '-f', 'client');
      const id = await there('network', 'inspect', '-f', '{{.Id}}', 'n');
      const refused = await b.docker(['network', 'rm', 'n']);
      expect(refused.stderr).toContain(`error while removing network: network n id ${id} has active endpoints`);
      await on('rm', '-f', 'site');
      await there('network', 'rm', 'n');
      await until('its end there', async () => !(await on('network', 'ls', '--format', '{{.Name}}')).split('\n').includes('n'));
      for (const engine of [a, b]) expect((await engine.onHost('ip', ['-br', 'link'])).stdout).not.toMatch(/^(?:ov|vx)-/m);
    } catch (error) {
      for (const { log } of two.engines) process.stderr.write(readFileSync(log, 'utf8').slice(-3000));
      throw error;
    } finally {
      await two.stop();
    }
  },
  300_000,
);

test('an engine without a store refuses such networks as dockerd outside of a swarm does', async () => {
  const engine = await startEngine('gantry');
  try {
    const { code, stderr } = await command('docker', ['-H', `unix://${engine.socket}`, 'network', 'create', '-d', 'overlay', 'n']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('This node is not a swarm manager.')]);
  } finally {
    await engine.destroy();
  }
}, 120_000);
