import { sendText } from '../../http/answer';
import type { Exchange, Route } from '../../http/exchange';

/** Answers for the gateway alone, as often as a client likes. Builder 2: clients are to speak BuildKit's protocol; 1: the classic builder's. */
async function ping(x: Exchange): Promise<void> {
  x.response.setHeader('Builder-Version', x.buildkit === false ? '1' : '2');
  x.response.setHeader('Cache-Control', 'no-cache, no-store, must-revalidate');
  x.response.setHeader('Pragma', 'no-cache');
  x.response.setHeader('Swarm', 'inactive');
  if (x.request.method === 'HEAD') {
    x.response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': 0 }).end();
    return;
  }
  sendText(x, 200, 'OK');
}

export const systemPing: Route = { method: 'GET', path: '/_ping', operation: 'SystemPing', offline: true, handle: ping };
export const systemPingHead: Route = { method: 'HEAD', path: '/_ping', operation: 'SystemPingHead', offline: true, handle: ping };
