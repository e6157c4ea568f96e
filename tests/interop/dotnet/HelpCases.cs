// Signs with /Help/client.cs. Reads one case a line from standard input, tab-separated: scheme, secret, kid, order_number,
// refund_passanger_ids, refund_reason, time_stamp, random; a text is Base64 of UTF-8, null is "-". One sign a line out.
using System;
using System.Globalization;
using System.Text;
using ChinaTrainTickets.Web.Areas.webApi.Models;
using ChinaTrainTickets.Web.Models;

static class HelpCases
{
    static void Main()
    {
        string line;
        while ((line = Console.ReadLine()) != null)
        {
            var f = Array.ConvertAll(line.Split('\t'), Text);
            var request = new TicketRefundRequest
            {
                order_number = f[3],
                refund_passanger_ids = f[4],
                refund_reason = f[5],
                terminal = Terminal.WEBPAGEEnum,
                time_stamp = f[6],
                random = int.Parse(f[7], CultureInfo.InvariantCulture),
            };
            Console.WriteLine(f[0] == "v2"
                ? RefundClient.SignV2(f[1], f[2], request)
                : RefundClient.SignLegacy(f[1], request));
        }
    }

    static string Text(string field)
    {
        return field == "-" ? null : Encoding.UTF8.GetString(Convert.FromBase64String(field));
    }
}
