"""How else a column is often called in headers: in English, and the required ones in six more languages.

Names are compared without case, accents, blanks and signs: `Customer E-mail` is `customeremail`. Only names that hardly
mean anything else are here.
"""

from __future__ import annotations

from collections.abc import Mapping

_PRODUCT = (
    "sku productno productnumber productcode productsku itemid itemno itemnumber itemsku articleid articleno stockcode "
    "artikel artikelnr artikelnummer artnr produkt produktnr produktnummer "
    "article produit codeproduit codearticle refproduit referenceproduit refarticle "
    "articulo producto codigoproducto codproducto idproducto "
    "articolo prodotto codicearticolo codiceprodotto idprodotto "
    "productnr productnummer artigo produto codproduto codigoproduto idproduto"
)
_CUSTOMER = (
    "customerno customernumber customernr custid clientid clientno clientnumber buyerid userid "
    "kunde kundennr kundennummer kundenid kaufer kaeufer "
    "client idclient numeroclient numclient codeclient acheteur "
    "cliente clienteid idcliente codcliente codigocliente comprador "
    "codicecliente acquirente klant klantnr klantnummer klantid koper"
)
_ORDER = (
    "orderno ordernumber ordernr ordernum orderref orderreference ordercode invoiceno invoicenumber "
    "bestellnr bestellnummer bestellung bestellid auftrag auftragsnr auftragsnummer "
    "commande numcommande numerocommande nocommande idcommande refcommande "
    "pedido numpedido numeropedido nropedido idpedido codpedido "
    "ordine numordine numeroordine idordine nordine bestelling bestelnr bestelnummer ordernummer"
)
_ORDER_DATE = (
    "date orderedat orderedon dateordered purchasedate purchasedat placedat orderdatetime invoicedate saledate "
    "datum bestelldatum auftragsdatum kaufdatum datecommande dateachat datedecommande fecha fechapedido fechadepedido "
    "data dataordine datapedido datacompra besteldatum orderdatum"
)
_AMOUNT = (
    "total amount ordertotal totalamount totalprice grandtotal ordervalue linetotal itemtotal "
    "betrag gesamtbetrag summe gesamtsumme gesamtpreis umsatz montant montanttotal totalttc prixtotal "
    "importe importetotal monto montototal preciototal importo importototale totale prezzototale "
    "bedrag totaalbedrag totaal valor valortotal montante "
    "amountcents amountincents totalcents totalincents totalamountcents totalpricecents"
)
_PRICE = (
    "unitprice itemprice listprice retailprice price priceeach priceperunit sellingprice saleprice "
    "einzelpreis preis stueckpreis stuckpreis prix prixunitaire precio preciounitario prezzo prezzounitario "
    "prijs stukprijs preco precounitario"
)
_QUANTITY = (
    "qty quantity units pieces quantityordered orderedquantity qtyordered itemquantity orderquantity "
    "menge anzahl stueck stuck stueckzahl quantite qte nombre cantidad unidades quantita aantal hoeveelheid quantidade"
)
_CREATED = "createdat created createdon creationdate datecreated createddate"
_UPDATED = (
    "updatedat updated updatedon lastupdated lastupdateddate lastupdate lastmodified modifiedat modified modifiedon "
    "datemodified dateupdated changedat lastchanged geaendertam modifieddate updateddate"
)
_ON_HAND = "stock quantity qty onhand quantityonhand qtyonhand instock bestand lagerbestand"
SYNONYMS: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "order_id": _ORDER,
        "customer_id": f"{_CUSTOMER} customer",
        "product_id": _PRODUCT,
        "order_date": _ORDER_DATE,
        "order_amount": _AMOUNT,
        "currency": "currencycode ordercurrency waehrung wahrung devise moneda valuta moeda",
        "payment_method": "payment paymenttype paymentmethodname paidby paidwith zahlungsart",
        "shipping_address": "shipto shiptoaddress deliveryaddress lieferadresse",
        "order_status": "status orderstate financialstatus bestellstatus statut estado stato",
        "created_timestamp": _CREATED,
        "quantity": _QUANTITY,
        "unit_price": _PRICE,
        "discount": "discountamount rabatt remise descuento sconto korting desconto",
        "tax": "taxamount salestax vat mwst tva iva btw",
        "updated_timestamp": _UPDATED,
    },
    "customers": {
        "customer_id": _CUSTOMER,
        "first_name": "givenname forename vorname prenom nombre nome voornaam",
        "last_name": "surname familyname nachname nom apellido apellidos cognome achternaam sobrenome",
        "email": "emailaddress customeremail mail courriel correo",
        "phone": "phonenumber telephone tel mobile customerphone telefon telefono telefoon telefone",
        "date_of_birth": "dob birthdate birthday geburtsdatum datedenaissance",
        "registration_date": "registered registeredat registeredon signupdate joined joindate membersince",
        "address": "street streetaddress address1 addressline1 strasse adresse direccion indirizzo adres endereco",
        "city": "town ort stadt ville ciudad citta plaats cidade",
        "state": "province region bundesland",
        "zip_code": "zip postcode postalcode plz codepostal codigopostal cap cep",
        "country": "countrycode countryname land pays pais paese",
        "customer_tier": "tier membership loyaltytier",
        "last_login": "lastloginat lastseen",
        "created_timestamp": _CREATED,
    },
    "products": {
        "product_id": _PRODUCT,
        "product_name": "name title producttitle itemname bezeichnung produktname",
        "category": "productcategory categoryname kategorie categorie categoria",
        "subcategory": "productsubcategory subcategoryname",
        "brand": "brandname manufacturer marke hersteller marque marca",
        "price": _PRICE,
        "currency": "currencycode waehrung wahrung devise moneda valuta moeda",
        "stock_quantity": _ON_HAND,
        "color": "colour farbe",
        "description": "productdescription beschreibung",
        "launch_date": "launched launchedat releasedate",
        "discontinued": "isdiscontinued",
        "created_timestamp": _CREATED,
    },
    "inventory": {
        "product_id": _PRODUCT,
        "warehouse_location": "warehouse lager lagerort",
        "location": "bin binlocation shelf",
        "stock_quantity": _ON_HAND,
        "stock_status": "status",
        "last_updated": "updatedat lastupdate updated",
        "reserved_quantity": "reserved qtyreserved",
        "available_quantity": "available qtyavailable",
        "reorder_level": "reorderpoint",
        "created_timestamp": _CREATED,
    },
    "shipping": {
        "order_id": _ORDER,
        "tracking_number": "tracking trackingno trackingid trackingcode sendungsnummer",
        "shipping_method": "shippingservice service method versandart",
        "shipping_cost": "shippingfee shippingprice versandkosten",
        "currency": "currencycode waehrung wahrung",
        "estimated_delivery": "eta expecteddelivery estimateddeliverydate",
        "actual_delivery": "deliveredat deliveredon delivered deliverydate",
        "carrier": "courier shippingcarrier versender",
        "shipping_status": "status deliverystatus",
        "destination_address": "shipto shiptoaddress deliveryaddress",
        "created_timestamp": _CREATED,
    },
}
LATEST: Mapping[str, str] = dict.fromkeys(("customers", "products", "shipping"), f"{_UPDATED} updatedtimestamp")
"""Names of the time of a record's last change, in the sources that have one column for times: it is the one that tells
which of two statements is later.
"""
LAST_RESORT: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "order_id": "id number no nr",
        "customer_id": "email emailaddress customeremail buyeremail billingemail buyerusername buyer",
    },
    "customers": {"customer_id": "id number no nr email emailaddress"},
    "products": {"product_id": "id code number no nr handle"},
}
"""Names that mean the source's own id where nothing else in the header does."""
LINES = (
    "orderitemid lineitemid lineid itemlineid linenumber lineno linenr position pos rowid transactionid orderlineid "
    "orderlinenumber itemlinenumber orderitem zeile positionsnr"
)
"""Names of what tells the lines of an order apart."""
