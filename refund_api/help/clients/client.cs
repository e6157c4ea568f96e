// A client of POST api/order/cancel: copy this file. It needs .NET Framework 4.5 or anything after it, with references to
// System.Net.Http and System.Runtime.Serialization.
//
//   var client = new RefundClient("https://host", secret, "web-2026a");
//   var result = await client.CancelAsync("CTT…", "3288010f-…,6f9619ff-…", "Plans changed");
//
// result.code 1 is success, and result.data is then the number of the refund. Without a kid, requests have the legacy
// signature. The secret belongs to a server, never into a program that you give away.
using System;
using System.Globalization;
using System.IO;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Runtime.Serialization;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Tasks;
using ChinaTrainTickets.Web.Areas.webApi.Models;
using ChinaTrainTickets.Web.Models;

namespace ChinaTrainTickets.Web.Models
{
    public enum Terminal { WEBPAGEEnum = 1 }

    public class BaseRequest
    {
        public Terminal terminal { get; set; }
        public string time_stamp { get; set; }
        public int random { get; set; }
        public string sign { get; set; }
    }
}

namespace ChinaTrainTickets.Web.Areas.webApi.Models
{
    public class TicketRefundRequest : BaseRequest
    {
        public string order_number { get; set; }
        public string refund_passanger_ids { get; set; }
        public string refund_reason { get; set; }
    }

    public class ApiResult<T>
    {
        public int code { get; set; }
        public string message { get; set; }
        public T data { get; set; }
    }
}

public class RefundClient
{
    const string Path = "/api/order/cancel";
    const int TryAgain = 3001;

    static readonly HttpClient http = new HttpClient();
    readonly string url, secret, kid;

    public RefundClient(string url, string secret, string kid = null)
    {
        this.url = url.TrimEnd('/');
        this.secret = secret;
        this.kid = kid;
    }

    // Ids are separated by commas. Code 3001 and a lost connection are asked again, signed anew: nothing is refunded twice.
    public async Task<ApiResult<string>> CancelAsync(
        string order_number, string refund_passanger_ids, string refund_reason = null, int attempts = 4)
    {
        for (var left = attempts - 1; ; left--)
        {
            try
            {
                var result = await SendAsync(Signed(order_number, refund_passanger_ids, refund_reason));
                if (result.code != TryAgain || left <= 0) return result;
            }
            catch (Exception error)
            {
                if (left <= 0 || !(error is HttpRequestException || error is TaskCanceledException)) throw;
            }
            await Task.Delay(2000);
        }
    }

    // A request that may be sent now.
    public TicketRefundRequest Signed(string order_number, string refund_passanger_ids, string refund_reason = null)
    {
        var request = new TicketRefundRequest
        {
            order_number = order_number,
            refund_passanger_ids = refund_passanger_ids,
            refund_reason = refund_reason,
            terminal = Terminal.WEBPAGEEnum,
            time_stamp = DateTime.UtcNow.ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture),
            random = RandomNumber(),
        };
        request.sign = kid == null ? SignLegacy(secret, request) : SignV2(secret, kid, request);
        return request;
    }

    // InvalidOperationException: the service refused the request before it was read as one.
    static async Task<ApiResult<string>> Read(HttpResponseMessage response)
    {
        var content = await response.Content.ReadAsByteArrayAsync();
        if (!response.IsSuccessStatusCode && (int)response.StatusCode != 503)
            throw new InvalidOperationException((int)response.StatusCode + " " + Encoding.UTF8.GetString(content));
        using (var stream = new MemoryStream(content))
            return (ApiResult<string>)new DataContractSerializer(typeof(ApiResult<string>)).ReadObject(stream);
    }

    async Task<ApiResult<string>> SendAsync(TicketRefundRequest request)
    {
        using (var body = new MemoryStream())
        {
            new DataContractSerializer(typeof(TicketRefundRequest)).WriteObject(body, request);
            var content = new ByteArrayContent(body.ToArray());
            content.Headers.ContentType = new MediaTypeHeaderValue("application/xml");
            var message = new HttpRequestMessage(HttpMethod.Post, url + Path) { Content = content };
            message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/xml"));
            using (var response = await http.SendAsync(message))
                return await Read(response);
        }
    }

    public static string SignLegacy(string secret, BaseRequest r)
    {
        var text = "random=" + Text(r.random) + "&timestamp=" + r.time_stamp + "&terminal=" + Text((int)r.terminal);
        using (var md5 = MD5.Create())
            return Hmac(secret, Hex(md5.ComputeHash(Encoding.UTF8.GetBytes(text))));
    }

    public static string SignV2(string secret, string kid, TicketRefundRequest r)
    {
        var text = "OC-HMAC-SHA256-V2\nPOST\n" + Path + "\n" + kid + "\n"
            + Line("order_number", r.order_number)
            + Line("random", Text(r.random))
            + Line("refund_passanger_ids", r.refund_passanger_ids)
            + Line("refund_reason", r.refund_reason)
            + Line("terminal", Text((int)r.terminal))
            + Line("time_stamp", r.time_stamp);
        return "v2." + kid + "." + Hmac(secret, text);
    }

    static string Line(string name, string value)
    {
        if (value == null) return name + "=-\n";
        value = value.Replace("\r\n", "\n").Replace("\r", "\n");
        return name + "=" + Text(Encoding.UTF8.GetByteCount(value)) + ":" + value + "\n";
    }

    static string Text(int number)
    {
        return number.ToString(CultureInfo.InvariantCulture);
    }

    static string Hmac(string secret, string text)
    {
        using (var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(secret)))
            return Hex(hmac.ComputeHash(Encoding.UTF8.GetBytes(text)));
    }

    static string Hex(byte[] bytes)
    {
        return BitConverter.ToString(bytes).Replace("-", "").ToLowerInvariant();
    }

    static int RandomNumber()
    {
        var bytes = new byte[4];
        using (var generator = RandomNumberGenerator.Create())
            generator.GetBytes(bytes);
        return 10000 + (int)(BitConverter.ToUInt32(bytes, 0) % 2000000000);
    }
}
