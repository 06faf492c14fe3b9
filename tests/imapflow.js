// A session of imapflow, as programs hold one: what it is told comes as JSON on standard input, what it
// saw goes to standard output. tests/test_imap_apps.py says what that must be.
'use strict';
const { ImapFlow } = require('imapflow');

const read = async (stream) => {
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
};

const connect = async ({ port, secure, user, pass }) => {
    const client = new ImapFlow({
        host: '127.0.0.1', port, secure, auth: { user, pass }, logger: false,
        tls: { rejectUnauthorized: false }, emitLogs: false,
    });
    await client.connect();
    return client;
};

const text = (n) => `From: Ann <ann@else.test>\r\nSubject: Grüße ${n}\r\nMessage-ID: <${n}@else.test>\r\n` +
    `Content-Type: text/plain; charset=utf-8\r\n\r\nHallo Jörg ${n}\r\n`;

const session = async (job) => {
    const seen = {};
    const client = await connect(job);
    seen.capabilities = [...client.capabilities.keys()];
    seen.enabled = [...client.enabled];
    seen.mailboxes = (await client.list()).map(({ path, specialUse }) => [path, specialUse || '']);
    const lock = await client.getMailboxLock('INBOX');
    seen.appended = [];
    for (const n of [1, 2, 3]) {
        const { uid } = await client.append('INBOX', text(n), ['\\Flagged'], new Date(1e12 * 1.7));
        seen.appended.push(uid);
    }
    await client.noop();
    seen.exists = client.mailbox.exists;
    seen.messages = [];
    for await (const m of client.fetch('1:*', {
        uid: true, flags: true, envelope: true, bodyStructure: true, internalDate: true, size: true,
        source: true, threadId: true,
    })) {
        seen.messages.push({
            uid: m.uid, flags: [...m.flags].filter((f) => f !== '\\Recent'), subject: m.envelope.subject,
            from: m.envelope.from[0].address, type: m.bodyStructure.type, date: +new Date(m.internalDate),
            size: m.size === m.source.length, emailId: !!m.emailId, threadId: !!m.threadId,
        });
    }
    seen.foundUtf8 = await client.search({ subject: 'Grüße 2' }, { uid: true });
    seen.body = await read((await client.download('3', '1')).content);
    await client.messageFlagsAdd('1:2', ['\\Seen', '$Label1']);
    seen.unseen = await client.search({ seen: false });
    seen.copied = [...(await client.messageCopy('1', 'Archive')).uidMap.values()];
    seen.moved = [...(await client.messageMove('2', 'Trash')).uidMap.values()];
    await client.messageDelete('1');
    seen.left = client.mailbox.exists;
    await client.mailboxCreate(['work', 'Entwürfe']);
    await client.mailboxRename('work/Entwürfe', 'work/fertig');
    seen.status = await client.status('Archive', { messages: true, unseen: true, uidNext: true });
    await client.mailboxDelete('work/fertig');
    seen.quota = await client.getQuota('INBOX');
    // Mail that somebody else puts there while this session idles.
    const heard = new Promise((resolve) => client.once('exists', resolve));
    const idling = client.idle();
    const other = await connect(job);
    await other.append('INBOX', text(4));
    seen.heard = (await heard).count;
    await other.logout();
    lock.release();
    await client.logout();
    await idling.catch(() => {});
    return seen;
};

(async () => {
    const job = JSON.parse(await read(process.stdin));
    if (job.wrong) {
        const error = await connect(job).then(() => ({}), (e) => e);
        return { failed: error.authenticationFailed === true, code: error.serverResponseCode };
    }
    return session(job);
})().then((seen) => {
    process.stdout.write(JSON.stringify(seen));
    process.exit(0);
}, (error) => {
    process.stderr.write(`${error.stack}\n${JSON.stringify(error)}\n`);
    process.exit(1);
});
