import { Builder, type BuildImageRequest, type BuildImageResponse } from '@gantry/api/gantry/build/v1/build';
import { JsonNumber, JsonObject, scanJson } from '@gantry/docker-api';
import { detailsOf } from '@gantry/rpc';
import type { EngineClients } from '../../engine/engine';
import type { Exchange, Route } from '../../http/exchange';
import { type Upload, upload } from '../../streams/bulk';
import { JsonLines } from '../../streams/lines';
import { readBuild } from './query';

/** POST /build: what is built, and the stream of what is told of it. */
export const imageBuild: Route = {
  method: 'POST',
  path: '/build',
  operation: 'ImageBuild',
  verb: 'build.image',
  offline: true,
  handle,
};

async function handle(x: Exchange, { builder, containers }: EngineClients): Promise<void> {
  const request = await withContainerId(x, readBuild(x), containers);
  const classic = request.builder === Builder.BUILDER_CLASSIC;
  const quiet = x.query.flag('q');
  const lines = new JsonLines(x);
  const kept: object[] = [];
  let sending: Upload | undefined;
  let imageId = '';
  try {
    for await (const event of builder.build.buildImage(x.ctx, request)) {
      if (event.ticket !== undefined) {
        sending = await upload(x.request, event.ticket, x.ctx.signal);
        continue;
      }
      if (event.imageId !== undefined) ({ imageId } = event);
      const line = lineOf(event, classic);
      if (line === undefined) continue;
      if (quiet) kept.push(line);
      else await lines.write(line);
    }
    if (quiet && imageId !== '') await lines.write({ stream: `${imageId}\n` });
    sending?.finish();
    lines.end();
  } catch (error) {
    sending?.finish();
    for (const line of kept) await lines.write(line).catch(() => undefined);
    lines.fail(error, classic ? exitCodeOf(error) : undefined);
  }
}

const CONTAINER = 'container:';

/** The builder knows a container, whose network it is to use, by its id alone. */
async function withContainerId(
  x: Exchange,
  request: BuildImageRequest,
  containers: EngineClients['containers'],
): Promise<BuildImageRequest> {
  if (request.builder !== Builder.BUILDER_CLASSIC || !request.networkMode.startsWith(CONTAINER)) return request;
  const { container } = await containers.inspect(x.ctx, { id: request.networkMode.slice(CONTAINER.length), size: false });
  return { ...request, networkMode: `${CONTAINER}${container?.Id ?? ''}` };
}

/** An event as docker's clients read it. */
function lineOf({ text, trace, imageId }: BuildImageResponse, classic: boolean): object | undefined {
  if (text !== undefined) return { stream: text };
  if (trace !== undefined) return { id: 'moby.buildkit.trace', aux: trace.toString('base64') };
  if (imageId !== undefined && classic) return { aux: { ID: imageId } };
  return imageId === undefined ? undefined : { id: 'moby.image.id', aux: { ID: imageId } };
}

const EXIT = 'github.com/moby/buildkit/gatewayapi.ExitMessage+json';

/** The exit code of the command that a build failed with. */
function exitCodeOf(error: unknown): number | undefined {
  const detail = detailsOf(error).find(({ typeUrl }) => typeUrl === EXIT);
  if (detail === undefined) return undefined;
  const { value } = scanJson(detail.value.toString());
  const code = value instanceof JsonObject ? value.members.find(([name]) => name === 'Code')?.[1] : undefined;
  return code instanceof JsonNumber ? Number(code.source) : undefined;
}

export const buildCancel: Route = {
  method: 'POST',
  path: '/build/cancel',
  operation: 'BuildCancel',
  verb: 'build.cancel',
  offline: true,
  async handle(x, { builder }) {
    await builder.build.cancelBuild(x.ctx, { buildId: x.query.required('id') });
    x.response.writeHead(200, { 'Content-Type': 'application/json' }).end();
  },
};
