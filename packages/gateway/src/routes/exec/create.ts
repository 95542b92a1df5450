import { execCreateBody } from '@gantry/docker-api';
import { detached, invalidArgument } from '@gantry/rpc';
import { askAgain } from '../../http/again';
import { sendJson } from '../../http/answer';
import { readJson } from '../../http/body';
import type { Route } from '../../http/exchange';
import { parseDetachKeys } from '../../streams/detach-keys';

export const containerExec: Route = {
  method: 'POST',
  path: '/containers/{name:.*}/exec',
  operation: 'ContainerExec',
  async handle(x, engine) {
    const body = (await readJson(x, execCreateBody)) ?? execCreateBody.zero();
    if ((body.Cmd?.items.length ?? 0) === 0) throw invalidArgument('No exec command specified');
    parseDetachKeys(body.DetachKeys, 'escape');
    const exec = {
      containerId: x.params['name'] ?? '',
      attachStdin: body.AttachStdin,
      attachStdout: body.AttachStdout,
      attachStderr: body.AttachStderr,
      detachKeys: body.DetachKeys,
      tty: body.Tty,
      env: body.Env,
      cmd: body.Cmd?.items ?? [],
      privileged: body.Privileged,
      user: body.User,
      workingDir: body.WorkingDir,
      consoleSize: body.Tty && x.version.atLeast('1.42') ? body.ConsoleSize : [],
      endWithClient: body.Gantry.EndWithClient,
    };
    // one of which nobody knows is never started, and gone with its container
    const { id } = await askAgain(x, engine, () => engine.containers.execCreate(detached(x.ctx), exec));
    sendJson(x, 201, { Id: id });
  },
};
