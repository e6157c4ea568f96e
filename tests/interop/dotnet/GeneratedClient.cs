// A client whose classes were made from the schemas of /xsd/. Arguments: URL, order, ids, reason, random, time stamp,
// sign. Prints code, message and data as the .NET side reads them.
using System;
using System.Net;
using System.Runtime.Serialization;
using ChinaTrainTickets.Web.Areas.webApi.Models;
using ChinaTrainTickets.Web.Models;

static class Program
{
    static int Main(string[] args)
    {
        var request = new TicketRefundRequest
        {
            order_number = args[1],
            refund_passanger_ids = args[2],
            refund_reason = args[3],
            terminal = Terminal.WEBPAGEEnum,
            random = int.Parse(args[4]),
            time_stamp = args[5],
            sign = args[6],
        };
        var web = (HttpWebRequest)WebRequest.Create(args[0]);
        web.Method = "POST";
        web.ContentType = web.Accept = "application/xml";
        using (var body = web.GetRequestStream())
            new DataContractSerializer(typeof(TicketRefundRequest)).WriteObject(body, request);
        using (var response = web.GetResponse())
        using (var answer = response.GetResponseStream())
        {
            var result = (ApiResultOfstring)new DataContractSerializer(typeof(ApiResultOfstring)).ReadObject(answer);
            Console.WriteLine(string.Join("\t", result.code, result.message, result.data ?? "(null)"));
        }
        return 0;
    }
}
