import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import { connect, type Connection } from '@gantry/rpc';
import { bundleService } from './testing/bundle-service';
import { connectRequest, context } from './testing/service';
import { eventually, runProgram, TestHost, type TestSandbox } from './testing/host';
import { newId, tcp } from './testing/world';

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

/** The service is a process of its own here: the kernel's news come as a signal, which jest keeps from a test's process. */
asRoot('what others do to the firewall', () => {
  let host: TestHost;
  let service: ChildProcess;
  let connection: Connection;
  let far: TestSandbox;

  beforeEach(async () => {
    host = new TestHost();
    // The sweep is not what helps.
    const { socketPath, start } = bundleService(host.directory, 'firewall: insert\nsweep-interval: 3600\n');
    service = start();
    connection = connect(socketPath);
    await connection.ready(60_000);
    far = await host.neighbour('lan0', '192.0.2.2', '192.0.2.1');
    const box = await host.sandbox();
    const request = connectRequest({ sandboxId: newId(), netnsPath: box.path, ports: [tcp(8080)] });
    await connection.client(NetworkServiceService).connect(context(), request, { waitForReady: true, timeoutMs: 30_000 });
    box.start('socat', 'TCP-LISTEN:80,fork,reuseaddr', 'SYSTEM:echo hello');
    await eventually(async () => expect(await ask()).toBe('hello'));
  }, 120_000);

  afterEach(async () => {
    connection.close();
    service.kill('SIGKILL');
    if (service.exitCode === null && service.signalCode === null) await new Promise((resolve) => service.once('exit', resolve));
    await host.close();
  });

  const ask = async (): Promise<string> => (await far.run('socat', '-u', 'TCP:192.0.2.1:8080,connect-timeout=1', '-')).trim();
  const back = async (check: () => void): Promise<number> => {
    const since = performance.now();
    await eventually(check, 5_000);
    return performance.now() - since;
  };

  it('is answered within a second: a flush, one set of ours, rules of others that are loaded anew', async () => {
    const table = /table ip (gantry\S*)/.exec(host.nft('list', 'tables'))?.[1] ?? '';
    host.nft('flush', 'ruleset');
    expect(await back(() => expect(host.nft('list', 'map', 'ip', table, 'any-ports')).toContain('8080'))).toBeLessThan(1_000);
    expect(await ask()).toBe('hello');
    host.nft('flush', 'set', 'ip', table, 'bridges');
    expect(await back(() => expect(host.nft('list', 'set', 'ip', table, 'bridges')).toContain('elements'))).toBeLessThan(1_000);
    const rules = join(host.directory, 'rules');
    writeFileSync(rules, '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n');
    for (let turn = 0; turn < 2; turn++) {
      await runProgram('iptables-nft-restore', rules);
      expect(await back(() => expect(host.nft('list', 'chain', 'ip', 'filter', 'FORWARD')).toContain('gantry forwards'))).toBeLessThan(
        1_000,
      );
      expect(await ask()).toBe('hello');
    }
  });

  it('holds where it drops, also after our table came back', async () => {
    const mine =
      'table inet mine { chain forward { type filter hook forward priority filter - 5; iifname "lan0" meta l4proto tcp ct original proto-dst 8080 drop; }; }';
    host.nft(mine);
    await expect(ask()).rejects.toThrow();
    const table = /table ip (gantry\S*)/.exec(host.nft('list', 'tables'))?.[1] ?? '';
    host.nft('delete', 'table', 'ip', table);
    await back(() => expect(host.nft('list', 'tables')).toContain(table));
    await expect(ask()).rejects.toThrow();
    host.nft('delete', 'table', 'inet', 'mine');
    expect(await ask()).toBe('hello');
    for (const rule of [
      '-N DOCKER-USER',
      '-I FORWARD -j DOCKER-USER',
      '-A DOCKER-USER -i lan0 -p tcp -m conntrack --ctorigdstport 8080 -j DROP',
    ])
      await runProgram('iptables-nft', ...rule.split(' '));
    await expect(ask()).rejects.toThrow();
  });
});
