import { PodNetworkServiceService } from '@gantry/api/gantry/network/v1/pods';
import { connect, openTicket } from '@gantry/rpc';
import { join } from 'node:path';
import { eventually } from './testing/host';
import { context } from './testing/service';
import { newWorlds } from './testing/world';

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('a connection to a port inside a pod', () => {
  const world = newWorlds();

  it.each([['TCP-LISTEN:80'], ['TCP6-LISTEN:80,ipv6only=1']])('is handed over, each direction to its own end (%s)', async (listen) => {
    const box = await world.host.sandbox();
    await box.run('ip', 'link', 'set', 'lo', 'up');
    box.start('socat', `${listen},fork,reuseaddr`, 'SYSTEM:tr a-z A-Z; echo bye');
    const connection = connect(join(world.service.config.run, 'network.sock'));
    try {
      const client = connection.client(PodNetworkServiceService);
      const { ticket } = await eventually(() => client.openPodPort(context(), { netnsPath: box.path, port: 80 }));
      if (ticket === undefined) throw new Error('no ticket');
      const stream = await openTicket(ticket);
      stream.end('hello ');
      let text = '';
      for await (const part of stream) text += String(part);
      expect(text.trim()).toBe('HELLO bye');
    } finally {
      connection.close();
    }
  });

  it('is refused by name', async () => {
    const box = await world.host.sandbox();
    await box.run('ip', 'link', 'set', 'lo', 'up');
    const connection = connect(join(world.service.config.run, 'network.sock'));
    try {
      const client = connection.client(PodNetworkServiceService);
      const open = (netnsPath: string, port: number) => client.openPodPort(context(), { netnsPath, port });
      await expect(open(box.path, 81)).rejects.toMatchObject({
        kind: 'unavailable',
        message: expect.stringMatching(
          /^failed to connect to localhost:81 inside namespace ".*", IPv4: .*ECONNREFUSED.* IPv6: .*ECONNREFUSED/,
        ) as string,
      });
      await expect(open('/proc/1/ns/nothing', 80)).rejects.toMatchObject({ kind: 'notFound' });
      await expect(open(box.path, 70000)).rejects.toThrow('port 70000 is not between 1 and 65535');
      await expect(open('x', 80)).rejects.toThrow('netns path "x" is not absolute');
    } finally {
      connection.close();
    }
  });
});
