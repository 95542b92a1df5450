import { sendEmpty } from '../../http/answer';
import { terminalSize } from '../../http/terminal-size';
import type { Route } from '../../http/exchange';

export const containerResize: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/resize',
  operation: 'ContainerResize',
  repeatable: true,
  async handle(x, engine) {
    await engine.containers.resize(x.ctx, {
      id: x.params['name'] ?? '',
      height: terminalSize(x.query, 'h', 'height'),
      width: terminalSize(x.query, 'w', 'width'),
    });
    sendEmpty(x, 200);
  },
};
