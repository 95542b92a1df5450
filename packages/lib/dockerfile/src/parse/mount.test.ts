import { parseMount } from './mount';

const mount = (text: string) => parseMount(text, (value) => value.replace('$V', 'v'));

test('every option of every mount', () => {
  expect(mount('type=bind,from=a,source=/s,target=/$V,rw')).toMatchObject({
    type: 'bind',
    from: 'a',
    source: '/s',
    target: '/v',
    readonly: false,
  });
  expect(mount('target=/t')).toMatchObject({ type: 'bind', readonly: true });
  expect(mount('dst=/t,readonly=false')).toMatchObject({ target: '/t', readonly: false });
  expect(mount('type=cache,id=i,target=/c,ro,sharing=locked,from=f,src=s,mode=0700,uid=1,gid=2')).toMatchObject({
    type: 'cache',
    id: 'i',
    readonly: true,
    sharing: 'locked',
    source: 's',
    mode: 0o700,
    uid: 1,
    gid: 2,
  });
  expect(mount('type=cache,target=/c')).toMatchObject({ readonly: false, sharing: undefined, mode: undefined });
  expect(mount('type=tmpfs,destination=/t,size=1.5m')).toMatchObject({ type: 'tmpfs', size: 1_572_864, readonly: false });
  expect(mount('type=secret,id=s,env=E,required,mode=0440')).toMatchObject({
    type: 'secret',
    id: 's',
    env: 'E',
    required: true,
    mode: 0o440,
  });
  expect(mount('type=ssh,required=true')).toMatchObject({ type: 'ssh', required: true });
  expect(mount('"target=/a,b"')).toMatchObject({ target: '/a,b' });
});

test.each([
  ['type=x', 'unsupported mount type "x"'],
  ['type=cahce', 'unsupported mount type "cahce" (did you mean cache?)'],
  ['type=cache,sharing=no', 'unsupported sharing value "no"'],
  ['target', "invalid field 'target' must be a key=value pair"],
  ['required', "unexpected key 'required' for mount type 'bind'"],
  ['size=1', "unexpected key 'size' for mount type 'bind'"],
  ['type=tmpfs,size=x', 'invalid value for size: x'],
  ['type=cache,mode=9', 'invalid value 9 for mode'],
  ['type=cache,uid=x', 'invalid value x for uid'],
  ['uid=1', 'uid not allowed for "bind" type mounts'],
  ['ro=maybe', 'invalid value for ro: maybe'],
  ['taget=/x', "unexpected key 'taget' in 'taget=/x' (did you mean target?)"],
  ['type=secret', 'invalid secret mount. one of source, target required'],
  ['type=secret,id=a,from=b', 'secret mount should not have a from'],
  ['type=secret,id=a,src=b', "both source and id can't be set"],
  ['type=bind,sharing=shared', 'invalid cache sharing set for bind mount'],
])('%s is refused', (text, message) => {
  expect(() => mount(text)).toThrow(message);
});
