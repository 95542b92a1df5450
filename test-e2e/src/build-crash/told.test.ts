import { toldByClassic, toldOf } from './told';

test("plain progress: a Dockerfile's steps that ran or came from the cache, whatever order they are told in", () => {
  const told = toldOf(
    [
      '#1 [internal] load build definition from Dockerfile',
      '#1 DONE 0.0s',
      '#2 [one 1/3] FROM docker.io/library/busybox:latest@sha256:0',
      '#2 DONE 0.1s',
      '#3 [one 2/3] RUN echo DONE',
      '#3 0.100 #9 DONE',
      '#3 ...',
      '#4 [two 2/2] COPY a /a',
      '#4 CACHED',
      '#3 [one 2/3] RUN echo DONE',
      '#3 DONE 1.2s',
      '#5 [one 3/3] RUN false',
      '#5 ERROR: process did not complete',
      '#6 exporting to image',
      '#6 DONE 0.1s',
    ].join('\n'),
  );
  expect([[...told.done], [...told.cached]]).toEqual([['[two 2/2] COPY a /a', '[one 2/3] RUN echo DONE'], ['[two 2/2] COPY a /a']]);
});

test('the classic builder: a step is done when its id is told, and one that was cut off is not', () => {
  const told = toldByClassic(
    [
      'Step 1/4 : FROM busybox',
      ' ---> 0123456789ab',
      'Step 2/4 : RUN echo one',
      ' ---> Using cache',
      ' ---> 123456789abc',
      'Step 3/4 : RUN echo two',
      ' ---> Running in 23456789abcd',
      'two',
      ' ---> Removed intermediate container 23456789abcd',
      ' ---> 3456789abcde',
      'Step 4/4 : RUN sleep 9',
      ' ---> Running in 456789abcdef',
    ].join('\n'),
  );
  expect([[...told.done], [...told.cached]]).toEqual([['Step 2/4 : RUN echo one', 'Step 3/4 : RUN echo two'], ['Step 2/4 : RUN echo one']]);
});
