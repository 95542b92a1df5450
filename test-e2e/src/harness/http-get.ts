import type { CommandResult } from './command';
import type { Engine } from './engine';

const request = (path: string): string => `GET ${path} HTTP/1.0\r\n\r\n`;

/** Body of an HTTP answer as a client on the engine's host sees it; empty when nobody answers. busybox's nc, since its static wget crashes. */
export async function getFromHost(engine: Engine, address: string, port: number, path = '/'): Promise<string> {
  return body(await engine.onHost('busybox', ['nc', '-w', '5', address, String(port)], { input: request(path) }));
}

/** The same from inside a container that runs. */
export async function getFromContainer(engine: Engine, container: string, host: string, port: number, path = '/'): Promise<string> {
  return body(await engine.docker(['exec', '-i', container, 'nc', '-w', '3', host, String(port)], { input: request(path) }));
}

function body(result: CommandResult): string {
  const end = result.stdout.indexOf('\r\n\r\n');
  return end < 0 ? '' : result.stdout.slice(end + 4);
}
