import { ResolveSourceMetaResponse, type ResolveSourceMetaRequest } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { parseStages, readLines, type Step } from '@gantry/dockerfile';
import { type CallContext, internal, newContext } from '@gantry/rpc';
import { remoteSums } from './remote-sums';

const stepOf = (text: string): Step => {
  const [step] = parseStages(readLines(`FROM a\n${text}\n`)).stages[0]?.steps ?? [];
  if (step === undefined) throw new Error(text);
  return step;
};

async function sumsOf(text: string) {
  const asked: unknown[] = [];
  const resolveSource = async (_ctx: CallContext, { Source }: ResolveSourceMetaRequest): Promise<ResolveSourceMetaResponse> => {
    asked.push([Source?.identifier, Source?.attrs]);
    if (Source?.identifier.endsWith('/none') === true) throw internal('invalid response status 404');
    return ResolveSourceMetaResponse.fromPartial({ Source, HTTP: { Checksum: 'sha256:12', Filename: 'f' } });
  };
  const request = { ctx: newContext(), bridge: { resolveSource } };
  return { sums: Object.fromEntries(await remoteSums(request, stepOf(text), (name) => ({ H: 'h:1' })[name])), asked };
}

test('what an address stands for is asked as the step will ask it', async () => {
  expect(await sumsOf('ADD a http://$H/x/f?q /d/')).toEqual({
    sums: { 'http://h:1/x/f?q': '12' },
    asked: [['http://h:1/x/f?q', { 'http.filename': 'f' }]],
  });
});

test.each(['COPY http://a/b /d', 'ADD a b /d/', 'ADD git@github.com:a/b /d/'])('%s asks for nothing', async (text) => {
  expect(await sumsOf(text)).toEqual({ sums: {}, asked: [] });
});

test('an address that nothing is behind is left to its step', async () => {
  expect((await sumsOf('ADD http://a/none http://a/f /d/')).sums).toEqual({ 'http://a/f': '12' });
});
