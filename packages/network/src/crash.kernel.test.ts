import { randomBytes } from 'node:crypto';
import { NetworkServiceService } from '@gantry/api/gantry/network/v1/network';
import { connect } from '@gantry/rpc';
import { TestHost, delay, eventually, runProgram, type TestSandbox } from './testing/host';
import { bundleService } from './testing/bundle-service';
import { connectRequest, context } from './testing/service';

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;
const KILLS = 7;

asRoot('a killed network service', () => {
  it('finishes or undoes what it was in the middle of, and leaves nothing behind', async () => {
    const host = new TestHost();
    const { socketPath, start: boot } = bundleService(host.directory);
    const connection = connect(socketPath);
    const client = connection.client(NetworkServiceService);
    let service = boot();
    const kill = async (): Promise<void> => {
      service.kill('SIGKILL');
      await new Promise((resolve) => service.once('exit', resolve));
      await connection.lost(30_000);
    };
    try {
      const boxes: TestSandbox[] = [];
      for (let index = 0; index < 6; index++) boxes.push(await host.sandbox());
      const [web = boxes[0] as TestSandbox, ...rest] = boxes;
      const webId = id();
      await connection.ready(30_000);
      await client.connect(context(), connectRequest({ sandboxId: webId, netnsPath: web.path, ports: [port(8080)] }), {
        waitForReady: true,
      });
      web.start('socat', 'TCP-LISTEN:80,fork,reuseaddr', 'SYSTEM:echo hello');
      const ask = async () => (await runProgram('socat', '-u', 'TCP:127.0.0.1:8080,connect-timeout=1', '-')).trim();
      await eventually(async () => expect(await ask()).toBe('hello'));

      const ids = rest.map(() => id());
      for (let round = 0; round < KILLS; round++) {
        const busy = Promise.allSettled(
          rest.map(async (box, index) => {
            const request = connectRequest({
              sandboxId: ids[index] ?? '',
              netnsPath: box.path,
              containerName: `c${index}`,
              ports: [port(9000 + index)],
            });
            await client.connect(context(), request, { timeoutMs: 2_000 });
            if ((index + round) % 2 === 0) await client.releaseSandbox(context(), { sandboxId: ids[index] ?? '' }, { timeoutMs: 2_000 });
          }),
        );
        await delay(round * 3);
        await kill();
        expect(await ask()).toBe('hello');
        await busy;
        service = boot();
        await client.reconcile(
          context(),
          { sandboxes: [{ sandboxId: webId, netnsPath: web.path }], owner: '' },
          { waitForReady: true, timeoutMs: 30_000 },
        );
        expect(await ask()).toBe('hello');
        const { network } = await client.getNetwork(context(), { ref: 'bridge' });
        expect(network?.endpoints.map((endpoint) => endpoint.sandboxId)).toEqual([webId]);
        // what outlived its record goes by itself, and every port is free again
        await eventually(() => expect(host.ip('-o', 'link', 'show', 'type', 'veth').trim().split('\n')).toHaveLength(1));
        await Promise.all(
          rest.map((box, index) =>
            client.connect(
              context(),
              connectRequest({ sandboxId: ids[index] ?? '', netnsPath: box.path, containerName: `c${index}`, ports: [port(9000 + index)] }),
            ),
          ),
        );
        await Promise.all(ids.map((sandboxId) => client.releaseSandbox(context(), { sandboxId })));
        await eventually(() => expect(host.ip('-o', 'link', 'show', 'type', 'veth').trim().split('\n')).toHaveLength(1));
      }
    } finally {
      connection.close();
      await kill();
      await host.close();
    }
  }, 300_000);
});

function id(): string {
  return randomBytes(32).toString('hex');
}

function port(hostPort: number) {
  return { protocol: 'tcp', containerPort: 80, hostIp: '', hostPort, hostPortEnd: 0 };
}
