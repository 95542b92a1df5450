import { sendEmpty } from '../../http/answer';
import { terminalSize } from '../../http/terminal-size';
import type { Route } from '../../http/exchange';

export const execResize: Route = {
  method: 'POST',
  path: '/exec/{name:.*}/resize',
  operation: 'ExecResize',
  repeatable: true,
  async handle(x, engine) {
    await engine.containers.execResize(x.ctx, {
      id: x.params['name'] ?? '',
      height: terminalSize(x.query, 'h', 'height'),
      width: terminalSize(x.query, 'w', 'width'),
    });
    sendEmpty(x, 200);
  },
};
