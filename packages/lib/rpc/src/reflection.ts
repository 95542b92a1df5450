import { loadDescriptorSet } from '@gantry/api';
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from '@gantry/api/grpc/reflection/v1/reflection';
import { ServerReflectionService as ServerReflectionAlphaService } from '@gantry/api/grpc/reflection/v1alpha/reflection';
import { type DescriptorIndex, indexDescriptors } from './descriptor-index';
import { errorTable } from './errors';
import type { RpcServer } from './server';

/** Serves grpc.reflection v1 and v1alpha (same messages) for the services whose names are in `names` when asked. */
export function addReflection(addService: RpcServer['addService'], names: readonly string[]): void {
  let loading: Promise<DescriptorIndex> | undefined;
  async function* answerAll(requests: AsyncIterable<ServerReflectionRequest>): AsyncGenerator<ServerReflectionResponse> {
    for await (const request of requests) {
      loading ??= loadDescriptorSet().then(indexDescriptors);
      yield answer(await loading, names, request);
    }
  }
  addService(ServerReflectionService, { serverReflectionInfo: (_ctx, requests) => answerAll(requests) });
  addService(ServerReflectionAlphaService, { serverReflectionInfo: (_ctx, requests) => answerAll(requests) });
}

function answer(index: DescriptorIndex, names: readonly string[], request: ServerReflectionRequest): ServerReflectionResponse {
  const base = { validHost: request.host, originalRequest: request };
  const missing = (what: string): ServerReflectionResponse => ({
    ...base,
    errorResponse: { errorCode: errorTable.notFound.grpc, errorMessage: `${what} not found` },
  });
  const file = (name: string | undefined, what: string): ServerReflectionResponse => {
    if (name === undefined || !index.byName.has(name)) return missing(what);
    return { ...base, fileDescriptorResponse: { fileDescriptorProto: withImports(index, name) } };
  };
  if (request.listServices !== undefined)
    return { ...base, listServicesResponse: { service: [...names].sort().map((name) => ({ name })) } };
  if (request.fileByFilename !== undefined) return file(request.fileByFilename, `file "${request.fileByFilename}"`);
  if (request.fileContainingSymbol !== undefined)
    return file(index.bySymbol.get(request.fileContainingSymbol), `symbol "${request.fileContainingSymbol}"`);
  if (request.fileContainingExtension !== undefined) return missing(`extension of "${request.fileContainingExtension.containingType}"`);
  if (request.allExtensionNumbersOfType !== undefined) {
    const baseTypeName = request.allExtensionNumbersOfType;
    return index.bySymbol.has(baseTypeName)
      ? { ...base, allExtensionNumbersResponse: { baseTypeName, extensionNumber: [] } }
      : missing(`type "${baseTypeName}"`);
  }
  return { ...base, errorResponse: { errorCode: errorTable.invalidArgument.grpc, errorMessage: 'the request asks nothing' } };
}

/** The file first, then everything that it imports, each once. */
function withImports(index: DescriptorIndex, name: string): Buffer[] {
  const seen = new Set([name]);
  for (const file of seen) for (const wanted of index.byName.get(file)?.imports ?? []) seen.add(wanted);
  return [...seen].flatMap((file) => {
    const bytes = index.byName.get(file)?.bytes;
    return bytes === undefined ? [] : [Buffer.from(bytes)];
  });
}
