import { eventually } from './testing/host';
import { context, createRequest } from './testing/service';
import { ask, newWorlds, ping, serve, tcp } from './testing/world';

/** A real kernel in a namespace of its own: needs root. */
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('gateway modes of a bridge on a real kernel', () => {
  const world = newWorlds();
  const { join } = world;

  it('is reached by its own addresses in mode routed, at the ports that are published', async () => {
    await world.service.client.createNetwork(
      context(),
      createRequest({ name: 'open', options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' } }),
    );
    const [web, outside] = [await world.host.sandbox(), await world.host.neighbour('lan0', '192.0.2.9', '192.0.2.1')];
    const wish = tcp(8080, { hostIp: '127.0.0.1' });
    const { ports, ipAddress } = await join(web, { networkRef: 'open', ports: [wish] });
    expect(ports).toEqual([{ protocol: 'tcp', containerPort: 80, hostIp: '0.0.0.0', hostPort: 0 }]);
    for (const port of [80, 81]) serve(web, port, '$SOCAT_PEERADDR');
    await eventually(async () => expect(await ask(outside, ipAddress, 80)).toBe('192.0.2.9'));
    await ping(outside, ipAddress);
    await expect(ask(outside, ipAddress, 81)).rejects.toThrow();
    await expect(ask(undefined, '127.0.0.1', 8080)).rejects.toThrow();
  });

  it('is reached at any port in mode nat-unprotected, but not from other networks, and hides behind the host as ever', async () => {
    for (const name of ['wide', 'narrow'])
      await world.service.client.createNetwork(
        context(),
        createRequest({ name, options: { 'com.docker.network.bridge.gateway_mode_ipv4': name === 'wide' ? 'nat-unprotected' : 'nat' } }),
      );
    const [web, shut, outside] = [
      await world.host.sandbox(),
      await world.host.sandbox(),
      await world.host.neighbour('lan0', '192.0.2.9', '192.0.2.1'),
    ];
    const wide = await join(web, { networkRef: 'wide', ports: [tcp(8080)] });
    const narrow = await join(shut, { networkRef: 'narrow' });
    serve(web, 81, '$SOCAT_PEERADDR');
    serve(web, 80, 'published');
    serve(shut, 81, 'never');
    serve(outside, 7000, '$SOCAT_PEERADDR');
    await eventually(async () => expect(await ask(outside, wide.ipAddress, 81)).toBe('192.0.2.9'));
    expect(await ask(outside, '192.0.2.1', 8080)).toBe('published');
    expect(await ask(web, '192.0.2.9', 7000)).toBe('192.0.2.1');
    await expect(ask(shut, wide.ipAddress, 81)).rejects.toThrow();
    await expect(ask(outside, narrow.ipAddress, 81)).rejects.toThrow();
  });
});
