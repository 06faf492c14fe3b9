// Sends what the test says: {"transport": {...}, "messages": [{...}]} on standard input; prints a list
// with an answer for each message, or the error.
const nodemailer = require('nodemailer');

async function send(transport, message) {
  for (const attachment of message.attachments || []) {
    if (attachment.base64) attachment.content = Buffer.from(attachment.base64, 'base64');
  }
  try {
    const { accepted, rejected, response } = await transport.sendMail(message);
    return { accepted, rejected, response };
  } catch (error) {
    return { code: error.code, status: error.responseCode, response: error.response || `${error}` };
  }
}

async function main(input) {
  const transport = nodemailer.createTransport({
    host: '127.0.0.1', requireTLS: !input.transport.secure, tls: { rejectUnauthorized: false },
    ...input.transport,
  });
  const answers = await Promise.all(input.messages.map((message) => send(transport, message)));
  transport.close();
  console.log(JSON.stringify(answers));
}

let text = '';
process.stdin.on('data', (part) => { text += part; });
process.stdin.on('end', () => main(JSON.parse(text)));
