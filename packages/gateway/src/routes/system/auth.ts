import { askAgain } from '../../http/again';
import { sendJson } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Route } from '../../http/exchange';
import { authConfig, toAuth } from '../../http/registry-auth';

export const systemAuth: Route = {
  method: 'POST',
  path: '/auth',
  operation: 'SystemAuth',
  async handle(x, engine) {
    const config = (await readJson(x, authConfig)) ?? authConfig.zero();
    const { status, identityToken } = await askAgain(x, engine, () => engine.system.auth(x.ctx, { auth: toAuth(config) }));
    sendJson(x, 200, { IdentityToken: identityToken, Status: status });
  },
};
